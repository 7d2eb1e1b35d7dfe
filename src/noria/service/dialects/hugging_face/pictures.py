"""What is where in a picture: boxes around things, and a mask for each class."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from typing import Any

import numpy as np

from noria.service.asking.operation import Asked, View
from noria.service.dialects.hugging_face.payload import Payload, Sent, file_records
from noria.types import Prediction
from noria.vision.masks import from_png, nearest
from noria.vision.pictures import opened


class BoxesInPicture(Payload):
    """A picture in, boxes in whole pixels out. threshold leaves out more than the model's own does, never less."""

    takes_file = True

    def read(self, sent: Sent, view: View) -> Asked:
        threshold = sent.parameters.number("threshold", 0, 1)
        return Asked(file_records(sent, view), more=threshold or 0)

    def content(self, answers: Sequence[Prediction], asked: Asked, view: View) -> Any:
        return [_box(one) for one in answers[0].value if one["confidence"] >= asked.more]


def _box(one: dict[str, Any]) -> dict[str, Any]:
    sides = dict(zip(("xmin", "ymin", "xmax", "ymax"), map(round, one["box"]), strict=True))
    return {"label": one["label"], "score": one["confidence"], "box": sides}


class MasksInPicture(Payload):
    """A picture in; of each class in it a mask of the picture's size out, white where it is, as PNG in base64."""

    takes_file = True

    def read(self, sent: Sent, view: View) -> Asked:
        sent.parameters.one_of("subtask", ("semantic",))
        return Asked(file_records(sent, view))

    def content(self, answers: Sequence[Prediction], asked: Asked, view: View) -> Any:
        (answer,) = answers
        with opened(asked.records[0][view.inputs[0].name]) as picture:
            width, height = picture.size
        codes = nearest(from_png(answer.value["png"]), height, width)
        classes = answer.value["classes"]
        there = [code for code in range(len(classes)) if (codes == code).any()]
        return [{"label": classes[code], "score": None, "mask": _png(codes == code)} for code in there]


def _png(is_there: np.ndarray) -> str:
    from PIL import Image as Pillow

    buffer = io.BytesIO()
    Pillow.fromarray(is_there.astype(np.uint8) * 255).save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode("ascii")
