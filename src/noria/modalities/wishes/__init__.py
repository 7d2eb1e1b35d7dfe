"""What a new molecule is asked to be like: ranges of its properties, and a molecule that it should resemble."""

from noria.modalities.wishes.modality import Wishes

__all__ = ["Wishes"]
