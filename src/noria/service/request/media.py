"""Answers that are files, sent as they are to who asks for one by the Accept header; to others what is usual, JSON.

    Accept: audio/wav                        the file; 406 where the answer is none of this kind, or there are several
    Accept: audio/*, application/json;q=0.5  the file where it is one, else JSON

Knows no target. Read next: exchange.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from http import HTTPStatus
from itertools import takewhile
from typing import Any

from noria.errors import UserError
from noria.service.request.http_error import HTTPError, shown
from noria.types import Media, Prediction

JSON = "application/json"
OF_FILES = ("audio/", "image/", "video/")
MOST_RANGES = 32  # of one header; what follows is not looked at


@dataclass(frozen=True)
class Accepted:
    """What a client takes: the kinds of files that it likes best, as audio/*, and whether the usual will do."""

    files: tuple[str, ...] = ()
    is_usual: bool = True

    def takes(self, mime: str) -> bool:
        """Say whether a file of this kind is to be sent as it is."""
        return any(fnmatchcase(mime, one) for one in self.files)


def accepted(header: str, usual: str = JSON) -> Accepted:
    """Return what an Accept header asks for; one that names no kind of file asks for the usual, whatever it says."""
    plain = (usual, f"{usual.partition('/')[0]}/*", "*/*")
    ranges = [_quality(one) for one in header.split(",")[:MOST_RANGES]]
    names = [name for name, quality in sorted(ranges, key=lambda one: -one[1]) if quality > 0]
    files = [name for name in takewhile(lambda one: one not in plain, names) if name.startswith(OF_FILES)]
    return Accepted(tuple(files), not files or any(name in plain for name in names))


def file_of(predictions: Sequence[Prediction], wanted: Accepted) -> Media | None:
    """Return the file to send; None for JSON. Raise HTTPError (406) where neither is what the client takes."""
    media = predictions[0].media if len(predictions) == 1 else None
    if media is not None and wanted.takes(media.mime):
        return media
    if wanted.is_usual:
        return None
    raise not_acceptable(f"{len(predictions)} answers" if len(predictions) != 1 else _said(media), wanted)


def not_acceptable(found: str, wanted: Accepted) -> HTTPError:
    """Return the error of an answer that is not of a kind that the client takes."""
    error = UserError(
        f"the answer is not sent as {shown(', '.join(wanted.files))}",
        where="Accept",
        expected="application/json; or, for one record, the kind of file that its answer is",
        found=found,
    )
    return HTTPError(error, HTTPStatus.NOT_ACCEPTABLE, code="not_acceptable")


def file_content(mime: str | None) -> dict[str, Any]:
    """Return what the API's description says of an answer that may be sent as a file; nothing where none is."""
    if mime is None:
        return {}
    return {mime: {"schema": {"type": "string", "format": "binary", "description": f"with Accept: {mime}"}}}


def _said(media: Media | None) -> str:
    return "an answer that is no file" if media is None else media.mime


def _quality(part: str) -> tuple[str, float]:
    """Return a range of an Accept header and how much it is wanted, 0 to 1; 0 for what cannot be read."""
    name, *parameters = (one.strip().lower() for one in part.split(";"))
    given = next((one.removeprefix("q=") for one in parameters if one.startswith("q=")), "1")
    try:
        return name, min(1.0, float(given))
    except ValueError:
        return name, 0.0
