"""The door: the only floor that opens patient files and speaks DICOM."""
