"""Which of Hugging Face's tasks a model answers, and in which form: as tasks.yaml says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache, partial
from importlib.resources import files

import yaml

from noria.service.asking.operation import View
from noria.service.dialects.hugging_face.classification import FileClasses, TextClasses
from noria.service.dialects.hugging_face.payload import Payload
from noria.service.dialects.hugging_face.pictures import BoxesInPicture, MasksInPicture
from noria.service.dialects.hugging_face.sounds import SoundFromSound, SpokenText, WordsInSound
from noria.service.dialects.hugging_face.tables import TableRows
from noria.service.dialects.hugging_face.texts import AnswerInText, HiddenWords, NamesInText
from noria.service.dialects.hugging_face.vectors import PictureVectors, Similarities, TextVectors
from noria.service.dialects.hugging_face.written import Continuation, TextFromText

FORMS: dict[str, Callable[[str], Payload]] = {
    "text_classes": TextClasses,
    "file_classes": FileClasses,
    "names": NamesInText,
    "answers": AnswerInText,
    "hidden_words": HiddenWords,
    "boxes": BoxesInPicture,
    "masks": MasksInPicture,
    "speech": WordsInSound,
    "spoken": SpokenText,
    "sounds": SoundFromSound,
    "summary_text": partial(TextFromText, field="summary_text"),
    "translation_text": partial(TextFromText, field="translation_text"),
    "continuation": Continuation,
    "text_vectors": TextVectors,
    "picture_vectors": PictureVectors,
    "similarities": Similarities,
    "rows": TableRows,
}


@cache
def payloads() -> Mapping[str, tuple[Payload, ...]]:
    """Return the payloads of each task that has any."""
    text = files("noria.service.dialects.hugging_face").joinpath("tasks.yaml").read_text("utf-8")
    table: dict[str, dict[str, str]] = yaml.safe_load(text)
    return {task: tuple(FORMS[form](name) for name, form in own.items()) for task, own in table.items()}


def payloads_of(view: View) -> tuple[Payload, ...]:
    """Return in which of Hugging Face's tasks a model answers; none where none fits."""
    return payloads().get(str(view.predictor.bundle.config["task"]), ())
