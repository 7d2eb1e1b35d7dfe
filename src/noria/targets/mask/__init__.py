"""A class for every place of a picture: a mask, as a file beside it."""

from noria.targets.mask.target import Mask

__all__ = ["Mask"]
