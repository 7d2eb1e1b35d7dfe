"""Video: frames spread evenly over a clip's time, decoded once into bytes of pixels, each embedded as a picture is."""

from noria.modalities.video.modality import Video

__all__ = ["Video"]
