"""What texts and pictures mean, as vectors, and how alike texts are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from noria.service.asking.operation import Asked, View
from noria.service.dialects.hugging_face.payload import Payload, Sent, file_records, records_of, text_records, texts_of
from noria.service.dialects.hugging_face.written import check_whole
from noria.types import Prediction


class TextVectors(Payload):
    """Texts in, a vector of length 1 of each out. Its parameters stand beside `inputs`."""

    def read(self, sent: Sent, view: View) -> Asked:
        body = sent.body
        is_cut = body.flag("truncate", usual=True)
        body.one_of("truncation_direction", ("right", "Right"))
        if not body.flag("normalize", usual=True):
            body.refuse("normalize", "the vectors of this model have length 1")
        records = text_records(body, view)
        if not is_cut:
            check_whole(records, view)
        return Asked(records)

    def content(self, answers: Sequence[Prediction], asked: Asked, view: View) -> Any:
        return [one.value for one in answers]


class PictureVectors(Payload):
    """A picture in, its vector of length 1 out."""

    takes_file = True

    def read(self, sent: Sent, view: View) -> Asked:
        return Asked(file_records(sent, view))

    def content(self, answers: Sequence[Prediction], asked: Asked, view: View) -> Any:
        return [one.value for one in answers]


class Similarities(Payload):
    """A text and others in; the cosine of the angle between their vectors out, one for each other text."""

    def read(self, sent: Sent, view: View) -> Asked:
        inputs = sent.body.object("inputs") or sent.body.inside("inputs", None)
        source, name = inputs.text("source_sentence"), view.inputs[0].name
        inputs.needed("source_sentence")
        texts = texts_of(inputs, "sentences", view)
        inputs.end({})
        return Asked(records_of([{name: text} for text in (source, *texts)], view))

    def content(self, answers: Sequence[Prediction], asked: Asked, view: View) -> Any:
        source, *others = (np.asarray(one.value) for one in answers)
        lengths = [max(float(np.linalg.norm(source) * np.linalg.norm(one)), 1e-12) for one in others]
        return [round(float(source @ one) / length, 6) for one, length in zip(others, lengths, strict=True)]
