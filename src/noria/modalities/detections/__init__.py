"""Detections: the boxes that a detector found in the frames of a sequence, each with how sure it was."""

from noria.modalities.detections.modality import Detections

__all__ = ["Detections"]
