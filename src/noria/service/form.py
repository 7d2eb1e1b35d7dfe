"""multipart/form-data from strangers: parts in memory, counted as they begin, none lost at a missing end."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from noria.errors import UserError
from noria.service.limits import Limits
from noria.service.refusal import Refusal

_PLAIN = (b"", b"7bit", b"8bit", b"binary")


@dataclass(frozen=True)
class Part:
    """One part: bytes where it has a file name, else text. The file name itself is never used."""

    name: str
    value: bytes | str


def parse_form(data: bytes, boundary: bytes, limits: Limits) -> list[Part]:
    """Return the parts in order; raise Refusal where the form is broken or larger than it may be."""
    collector = _Collector(limits)
    try:
        if not boundary:
            raise _broken("the boundary is missing in Content-Type")
        parser = MultipartParser(
            boundary,
            {
                "on_part_begin": collector.begin_part,
                "on_header_field": collector.add_to_header_name,
                "on_header_value": collector.add_to_header_value,
                "on_header_end": collector.end_header,
                "on_headers_finished": collector.end_headers,
                "on_part_data": collector.add_data,
                "on_part_end": collector.end_part,
                "on_end": collector.end,
            },
        )
        parser.write(data)
    except FormParserError as error:
        raise _broken(str(error)) from error
    if not collector.is_whole:
        raise _broken("it ends before its last boundary")
    return collector.parts


class _Collector:
    """What the parser calls back."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.parts: list[Part] = []
        self.num_files = self.num_fields = 0
        self.is_whole = False
        self.begin_part()

    def begin_part(self) -> None:
        self.headers: dict[bytes, bytes] = {}
        self.header_name, self.header_value, self.data = bytearray(), bytearray(), bytearray()
        self.name, self.is_file = "", False

    def add_to_header_name(self, data: bytes, start: int, end: int) -> None:
        self.header_name += data[start:end]

    def add_to_header_value(self, data: bytes, start: int, end: int) -> None:
        self.header_value += data[start:end]

    def end_header(self) -> None:
        self.headers[bytes(self.header_name).lower()] = bytes(self.header_value)
        self.header_name, self.header_value = bytearray(), bytearray()

    def end_headers(self) -> None:
        kind, options = parse_options_header(self.headers.get(b"content-disposition"))
        if kind != b"form-data" or b"name" not in options:
            raise _broken("a part has no Content-Disposition: form-data with a name")
        if self.headers.get(b"content-transfer-encoding", b"").strip().lower() not in _PLAIN:
            raise _broken("a part has a Content-Transfer-Encoding, which RFC 7578 forbids")
        self.name, self.is_file = _text(options[b"name"]), b"filename" in options
        self.num_files += self.is_file
        self.num_fields += not self.is_file
        if self.num_files > self.limits.form_files:
            raise _too_much("files", self.limits.form_files)
        if self.num_fields > self.limits.form_fields:
            raise _too_much("fields", self.limits.form_fields)

    def add_data(self, data: bytes, start: int, end: int) -> None:
        if len(self.data) + end - start > self.limits.part_bytes:
            raise _too_much("bytes in one part", self.limits.part_bytes)
        self.data += data[start:end]

    def end_part(self) -> None:
        self.parts.append(Part(self.name, bytes(self.data) if self.is_file else _text(bytes(self.data))))

    def end(self) -> None:
        self.is_whole = True


def _text(data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _broken("a name or a text is not UTF-8") from error


def _broken(reason: str) -> Refusal:
    return Refusal(UserError(f"this form cannot be read: {reason}", where="body"), code="not_a_form")


def _too_much(what: str, most: int) -> Refusal:
    error = UserError(f"the form has too many {what}", where="body", expected=f"at most {most}")
    return Refusal(error, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, code="too_large")
