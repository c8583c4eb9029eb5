"""From stored PET values to SUV."""
