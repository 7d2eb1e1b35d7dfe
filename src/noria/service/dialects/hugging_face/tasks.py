"""Which of Hugging Face's tasks a model answers, and in which form: as tasks.yaml says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache, partial
from importlib.resources import files

import yaml

from noria.service.dialects.hugging_face.classification import FileClassification, TextClassification
from noria.service.dialects.hugging_face.payload import Payload
from noria.service.dialects.hugging_face.pictures import ImageSegmentation, ObjectDetection
from noria.service.dialects.hugging_face.sounds import AudioToAudio, SpeechRecognition, TextToSpeech
from noria.service.dialects.hugging_face.tables import Tabular
from noria.service.dialects.hugging_face.texts import FillMask, QuestionAnswering, TokenClassification
from noria.service.dialects.hugging_face.vectors import FeatureExtraction, ImageFeatures, SentenceSimilarity
from noria.service.dialects.hugging_face.written import TextGeneration, TextToText
from noria.service.dialects.operation import View

FORMS: dict[str, Callable[[str], Payload]] = {
    "text_classes": TextClassification,
    "file_classes": FileClassification,
    "names": TokenClassification,
    "answers": QuestionAnswering,
    "hidden_words": FillMask,
    "boxes": ObjectDetection,
    "masks": ImageSegmentation,
    "speech": SpeechRecognition,
    "spoken": TextToSpeech,
    "sounds": AudioToAudio,
    "summary_text": partial(TextToText, field="summary_text"),
    "translation_text": partial(TextToText, field="translation_text"),
    "continuation": TextGeneration,
    "text_vectors": FeatureExtraction,
    "picture_vectors": ImageFeatures,
    "similarities": SentenceSimilarity,
    "rows": Tabular,
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
