"""Pictures and masks from files and back. Knows no modality and no target: those of vision are made of it."""
