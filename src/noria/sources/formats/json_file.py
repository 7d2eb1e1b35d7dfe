"""A JSON file that is one list of objects, as rows: a record an object, named by the line it begins in.

The text of the file is held in memory, its objects are not. What is no JSON breaks off the whole file, with its line.
Read next: json_objects.py, sources/core/text_file.py.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from noria.errors import UserError
from noria.sources.core.text_file import UNDECODABLE, TextFile
from noria.sources.formats.json_objects import Found, JsonObjects, checked

MAX_CHARACTERS = 1 << 30  # of a file that must be held in memory
_BETWEEN = re.compile(r"[ \t\r\n]*(,?)[ \t\r\n]*")


class JsonFile(JsonObjects):
    """A .json file: [{...}, {...}, ...]."""

    expected = "one list of objects: [{...}, {...}, ...]"

    def objects(self, text: TextFile) -> Iterator[Found]:
        """Yield what stands in the list."""
        whole = _whole(text)
        decoder = json.JSONDecoder()
        end = self._start(whole)
        line, counted = 1, 0
        is_first = True
        while True:
            between = _BETWEEN.match(whole, end)
            assert between is not None
            end = between.end()
            line, counted = line + whole.count("\n", counted, end), end
            if whole[end : end + 1] == "]" and not between[1]:
                self._expect_end(whole, end + 1, line)
                return
            if bool(between[1]) == is_first:  # a comma before the first, or none between two
                raise self._broken("Expecting an object" if is_first else "Expecting ',' or ']'", line)
            is_first = False
            start = end
            try:
                thing, end = decoder.raw_decode(whole, start)
            except json.JSONDecodeError as error:
                raise self._broken(error.msg, error.lineno) from error
            except (ValueError, RecursionError) as error:
                raise self._broken(str(error), line) from error
            written = whole[start:end]
            flaw = f"the text is not valid {text.encoding}" if UNDECODABLE in written else ""
            yield line, flaw or checked(thing, written), end

    def _start(self, whole: str) -> int:
        opening = whole.lstrip()[:1]
        if opening == "[":
            return whole.index("[") + 1
        kinds = {"{": "one object", '"': "one text", "": "blank lines"}
        raise UserError(
            "is not a list of records",
            where=f"{self.path}:{1 + whole[: len(whole) - len(whole.lstrip())].count(chr(10))}",
            expected=self.expected,
            found=kinds.get(opening, "no JSON"),
            fix="if there is an object a line, rename it to .jsonl" if opening == "{" else "",
        )

    def _expect_end(self, whole: str, end: int, line: int) -> None:
        if rest := whole[end:].strip():
            raise self._broken(f"{rest[:20]!r} stands behind the list", line)

    def _broken(self, reason: str, line: int) -> UserError:
        return UserError("is not whole JSON", where=f"{self.path}:{line}", found=reason)


def _whole(text: TextFile) -> str:
    parts: list[str] = []
    num_characters = 0
    for part in text.text():
        num_characters += len(part)
        if num_characters > MAX_CHARACTERS:
            raise UserError(
                f"is larger than {MAX_CHARACTERS:,} characters",
                where=str(text.path),
                fix="write it as JSON lines, one object a line: those are read one by one",
            )
        parts.append(part)
    return "".join(parts)
