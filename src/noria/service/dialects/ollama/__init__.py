"""Ollama's way of asking: for its clients, and what is built on them.

    POST /api/chat       models that take a conversation and write their answer
    POST /api/generate   these, and models that write an answer to one text
    POST /api/embed      models that answer a text with a vector
    GET  /api/tags  /api/ps  /api/version    POST /api/show

Answers come as lines of JSON while they are written, unless `stream` is false. A model is called by its name, with or
without `:latest`. Models are not pulled, made, copied or deleted by this way. Read in this order: asking.py,
options.py, writing.py, generate.py, chat.py.
"""

from __future__ import annotations

from noria.service.asking.operation import Lookup, Operation
from noria.service.dialects.ollama.chat import ChatMessage
from noria.service.dialects.ollama.embed import Embed
from noria.service.dialects.ollama.generate import Generate
from noria.service.dialects.ollama.lookups import NotOffered, Running, Show, Tags, Version

OPERATIONS: list[Operation] = [ChatMessage(), Generate(), Embed()]
LOOKUPS: list[Lookup] = [Tags(), Running(), Show(), Version(), NotOffered()]
