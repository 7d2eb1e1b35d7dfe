"""All operations and lookups of all dialects: a new dialect gets a line here."""

from __future__ import annotations

from noria.service.dialects import noria, page
from noria.service.dialects.operation import Lookup, Operation

DIALECTS = (noria, page)
OPERATIONS: dict[str, Operation] = {one.name: one for dialect in DIALECTS for one in dialect.OPERATIONS}
LOOKUPS: list[Lookup] = [one for dialect in DIALECTS for one in dialect.LOOKUPS]
