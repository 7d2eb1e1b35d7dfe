"""The names of a sound's encoded arrays, for whoever reads them beside the modality."""

from noria.types import lengths_of

MEL = "mel"  # Ragged float16[frames, num_mels], raw log-mel
LENGTHS = lengths_of(MEL)
