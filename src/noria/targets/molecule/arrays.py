"""The names of the arrays of molecules that are learnt from, and of those that were written."""

VALUES = "properties"  # float32[n, properties]
SUBSTRUCTURES = "substructures"  # Ragged uint16
RANGE = "asked"  # float32[n, 3], for evaluation: the number of one property, and the ends that are asked for
SMILES = "_smiles"  # the canonical form, empty where what was written is no molecule
RAW = "_raw"  # the text that was written
IS_VALID, IS_KNOWN = "is_valid", "is_known"  # uint8[n]
ASKED = "asked_"  # begins the names of what was written for the wish of evaluation
