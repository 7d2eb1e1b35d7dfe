"""Which of Hugging Face's tasks answers for a task of Noria's; of several the first is the one without a name."""

from __future__ import annotations

from noria.service.dialects.hugging_face.classification import FileClassification, TextClassification
from noria.service.dialects.hugging_face.payload import Payload
from noria.service.dialects.hugging_face.pictures import ImageSegmentation, ObjectDetection
from noria.service.dialects.hugging_face.sounds import AudioToAudio, SpeechRecognition, TextToSpeech
from noria.service.dialects.hugging_face.tables import Tabular
from noria.service.dialects.hugging_face.texts import FillMask, QuestionAnswering, TokenClassification
from noria.service.dialects.hugging_face.vectors import FeatureExtraction, ImageFeatures, SentenceSimilarity
from noria.service.dialects.hugging_face.written import TextGeneration, TextToText
from noria.service.dialects.operation import View

TEXT, IMAGE = TextClassification("text-classification"), FileClassification("image-classification")
SPEECH = SpeechRecognition("automatic-speech-recognition")
PAYLOADS: dict[str, tuple[Payload, ...]] = {
    "text-classification": (TEXT,),
    "text-multilabel": (TEXT,),
    "image-classification": (IMAGE,),
    "image-multilabel": (IMAGE,),
    "audio-classification": (FileClassification("audio-classification"),),
    "video-classification": (FileClassification("video-classification"),),
    "token-classification": (TokenClassification("token-classification"),),
    "question-answering": (QuestionAnswering("question-answering"),),
    "masked-language-modelling": (FillMask("fill-mask"),),
    "object-detection": (ObjectDetection("object-detection"),),
    "semantic-segmentation": (ImageSegmentation("image-segmentation"),),
    "speech-recognition": (SPEECH,),
    "speech-to-text": (SPEECH,),
    "text-to-speech": (TextToSpeech("text-to-speech"),),
    "vocoder": (AudioToAudio("audio-to-audio"),),
    "summarization": (TextToText("summarization", "summary_text"),),
    "translation": (TextToText("translation", "translation_text"),),
    "text-generation": (TextGeneration("text-generation"),),
    "text-embedding": (FeatureExtraction("feature-extraction"), SentenceSimilarity("sentence-similarity")),
    "image-embedding": (ImageFeatures("image-feature-extraction"),),
    "tabular-classification": (Tabular("tabular-classification"),),
    "tabular-regression": (Tabular("tabular-regression"),),
}


def payloads_of(view: View) -> tuple[Payload, ...]:
    """Return in which of Hugging Face's tasks a model answers; none where none fits."""
    return PAYLOADS.get(str(view.predictor.bundle.config["task"]), ())
