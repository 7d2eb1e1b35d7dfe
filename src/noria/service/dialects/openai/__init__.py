"""OpenAI's way of asking, for their clients and all that speak it: what a model can, by paths that they know.

    GET  /v1/models  /v1/models/{model}
    POST /v1/chat/completions  /v1/responses     models that take a conversation and write their answer
    POST /v1/completions                         models that go on from a text
    POST /v1/embeddings                          models that answer a text with a vector
    POST /v1/moderations                         classifiers of texts with labels for kinds of harm
    POST /v1/audio/transcriptions                models that write down what is said
    POST /v1/audio/speech                        voices

What a request asks and is not there is an error that names the field. Read in this order: body.py, asking.py, chat.py.
"""

from __future__ import annotations

from noria.service.asking.operation import Lookup, Operation
from noria.service.dialects.openai.chat import ChatCompletions
from noria.service.dialects.openai.completions import Completions
from noria.service.dialects.openai.embeddings import Embeddings
from noria.service.dialects.openai.models import Model, Models
from noria.service.dialects.openai.moderations import Moderations
from noria.service.dialects.openai.responses import Responses
from noria.service.dialects.openai.speech import Speech
from noria.service.dialects.openai.transcriptions import Transcriptions

OPERATIONS: list[Operation] = [
    ChatCompletions(),
    Responses(),
    Completions(),
    Embeddings(),
    Moderations(),
    Transcriptions(),
    Speech(),
]
LOOKUPS: list[Lookup] = [Models(), Model()]
