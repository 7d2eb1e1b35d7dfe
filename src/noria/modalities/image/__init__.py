"""Images: decoded once into bytes of pixels, normalised in the network, embedded by a convolution stem or patches."""

from noria.modalities.image.modality import Image

__all__ = ["Image"]
