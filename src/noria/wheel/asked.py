"""Ask a running server what it saw of a model's last records: GET /watch/{model}."""

from __future__ import annotations

import json
import os
from http import HTTPStatus
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import quote
from urllib.request import Request, urlopen

from noria.errors import UserError
from noria.wheel.assessment import Assessment

SECONDS = 30.0


def watched_by(url: str, model: str) -> Assessment:
    """Return the assessment that a server has of a model; raise UserError where it has none. The key is NORIA_KEY."""
    address = f"{url.rstrip('/')}/watch/{quote(model, safe='')}"
    if not address.startswith(("http://", "https://")):
        raise UserError("this is no address of a server", found=url, expected="http://127.0.0.1:8000")
    headers = {"authorization": f"Bearer {key}"} if (key := os.environ.get("NORIA_KEY")) else {}
    try:
        with urlopen(Request(address, headers=headers), timeout=SECONDS) as reply:
            told = json.load(reply)
    except HTTPError as error:
        raise UserError("the server does not say", where=address, found=_reason(error), fix=_fix(error)) from error
    except (URLError, OSError, ValueError) as error:
        raise UserError("the server cannot be asked", where=address, found=str(error), fix="is it running?") from error
    if told["assessment"] is None:
        raise UserError("nothing is known yet of the last records", where=address, found=told["note"])
    return Assessment.from_json(told["assessment"])


def _reason(error: HTTPError) -> str:
    """Return what the server says, as far as it is its own way of saying so."""
    try:
        content: Any = json.load(error)
        return f"{error.code}: {content['error']['message']}"
    except (ValueError, LookupError, TypeError):
        return f"{error.code} {error.reason}"


def _fix(error: HTTPError) -> str:
    known = {
        HTTPStatus.UNAUTHORIZED: "set NORIA_KEY to a key of the server",
        HTTPStatus.FORBIDDEN: "use a key that allows metrics: noria keys add NAME --verb metrics",
        HTTPStatus.NOT_FOUND: "name a model of this server; GET /models lists them",
    }
    return known.get(HTTPStatus(error.code), "")
