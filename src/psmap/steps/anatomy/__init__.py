"""Where is this? Organs, bones, vessels and nodal regions of a PET/CT."""
