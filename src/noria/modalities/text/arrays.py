"""The names of a text's encoded arrays, for whoever reads them beside the modality. Its tokens are IDS."""

STARTS = "starts"  # Ragged int32, the first character that each token stands for; -1 of special tokens
ENDS = "ends"  # and the one after its last
RAW = "_text"  # the raw text as UTF-8 bytes
