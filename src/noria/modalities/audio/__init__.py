"""Audio: sounds as log-mel frames, embedded by convolutions. Read next: modality.py, embedder.py, augment.py."""

from noria.modalities.audio.modality import Audio

__all__ = ["Audio"]
