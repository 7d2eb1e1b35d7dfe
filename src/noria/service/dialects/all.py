"""All operations and lookups of all dialects: a new dialect gets a line here."""

from __future__ import annotations

from noria.service.asking.operation import Lookup, Operation
from noria.service.dialects import hugging_face, noria, oip, ollama, openai, page

DIALECTS = (noria, page, oip, hugging_face, ollama, openai)
OPERATIONS: dict[str, Operation] = {one.name: one for dialect in DIALECTS for one in dialect.OPERATIONS}
LOOKUPS: list[Lookup] = [one for dialect in DIALECTS for one in dialect.LOOKUPS]
