"""Hugging Face's payloads of tasks, as huggingface_hub's InferenceClient sends and reads them.

    POST /hf/models/{model}                    the model's first task in Hugging Face's words
    POST /hf/models/{model}/pipeline/{task}    a task of those that it has
    GET  /hf/models/{model}/info   /health     what it is, whether it can be asked

and /hf/models/{model}/v1/chat/completions, which is OpenAI's.

    InferenceClient(model="http://127.0.0.1:8000/hf/models/NAME").text_classification("a moving film")

A body is JSON, {"inputs": .., "parameters": {..}}, or, where the input is a file, its bytes. tasks.yaml says which task
of Noria answers in which form; a form is a Payload. Read first: payload.py, tasks.py, ask.py.
"""

from __future__ import annotations

from noria.service.asking.operation import Lookup, Operation
from noria.service.dialects.hugging_face.ask import Ask
from noria.service.dialects.hugging_face.lookups import Health, Info

OPERATIONS: list[Operation] = [Ask()]
LOOKUPS: list[Lookup] = [Info(), Health()]
