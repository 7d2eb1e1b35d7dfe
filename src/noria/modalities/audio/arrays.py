"""The names of a sound's encoded arrays, and what can be told of them without the network."""

import numpy as np

from noria.types import Ragged, lengths_of

MEL = "mel"  # Ragged float16[frames, num_mels], raw log-mel
LENGTHS = lengths_of(MEL)
SILENT = -4.5  # a log-mel that the last bit of a recording of 16 bits does not reach; a tone does at -85 dB


def are_silent(mel: Ragged) -> np.ndarray:
    """Say of each sound whether nothing at all can be heard in it, bool[n]."""
    return np.array([mel[index].max(initial=-np.inf) < SILENT for index in range(len(mel))], bool)
