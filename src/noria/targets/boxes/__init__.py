"""Things in a picture: each a label and a box around it. A picture may hold none."""

from noria.targets.boxes.target import Boxes

__all__ = ["Boxes"]
