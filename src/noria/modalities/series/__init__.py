"""Series: vectors that follow one another in time, of joints or sensors. Read next: modality.py, embedder.py."""

from noria.modalities.series.modality import Series

__all__ = ["Series"]
