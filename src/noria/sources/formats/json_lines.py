"""JSON lines as rows: one object a line, plain or gzip; a broken line is quarantined by its number.

Read next: json_objects.py, sources/core/text_file.py.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from noria.sources.core.text_file import TextFile
from noria.sources.formats.json_objects import Found, JsonObjects, checked


class JsonLines(JsonObjects):
    """A .jsonl or .ndjson file; blank lines are passed over."""

    expected = "one JSON object a line"

    def objects(self, text: TextFile) -> Iterator[Found]:
        """Yield what stands in each line."""
        lines = text.lines()
        for line in lines:
            flaw = lines.flaws.pop(lines.number, "")
            if flaw or not line.isspace():
                yield lines.number, flaw or _parse(line), lines.num_characters


def _parse(line: str) -> dict[str, Any] | str:
    try:
        return checked(json.loads(line), line)
    except json.JSONDecodeError as error:
        return f"not JSON: {error.msg} at character {error.pos + 1}"
    except (ValueError, RecursionError) as error:
        return f"not JSON that can be read: {error}"
