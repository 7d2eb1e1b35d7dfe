"""Ask a running server over HTTP, and what it saw of a model's last records: GET /watch/{model}."""

from __future__ import annotations

import json
import os
from http import HTTPStatus
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote
from urllib.request import Request, urlopen

from noria.drift.assessment import Assessment
from noria.errors import UserError

SECONDS = 30.0
FIXES: dict[int, str] = {
    HTTPStatus.UNAUTHORIZED: "set NORIA_KEY to a key of the server",
    HTTPStatus.FORBIDDEN: "use a key that allows metrics: noria keys add NAME --verb metrics",
    HTTPStatus.NOT_FOUND: "name a model of this server; GET /models lists them",
}


class Refused(Exception):
    """A server answered that it does not do what it was asked for."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(f"{status}: {reason}")
        self.status = status


def asked(address: str, content: object = None, key: str = "", seconds: float = SECONDS) -> dict[str, Any]:
    """Return the JSON object that a server answers, to a POST where there is content; raise Refused, or OSError.

    key: by default NORIA_KEY.
    """
    body = None if content is None else json.dumps(content).encode()
    key = key or os.environ.get("NORIA_KEY", "")
    headers = {"content-type": "application/json"} | ({"authorization": f"Bearer {key}"} if key else {})
    try:
        with urlopen(Request(address, body, headers), timeout=seconds) as reply:
            found = json.load(reply)
    except HTTPError as error:
        raise Refused(error.code, _reason(error)) from error
    except (HTTPException, ValueError) as error:
        raise OSError(f"what it says cannot be read: {error}") from error
    if not isinstance(found, dict):
        raise OSError("what it says is no JSON object")
    return found


def watched_by(url: str, model: str) -> Assessment:
    """Return the assessment that a server has of a model; raise UserError where it has none."""
    address = f"{url.rstrip('/')}/watch/{quote(model, safe='')}"
    if not address.startswith(("http://", "https://")):
        raise UserError("this is no address of a server", found=url, expected="http://127.0.0.1:8000")
    try:
        told = asked(address)
        if told["assessment"] is not None:
            return Assessment.from_json(told["assessment"])
        raise UserError("nothing is known yet of the last records", where=address, found=told["note"])
    except Refused as error:
        fix = FIXES.get(error.status, "")
        raise UserError("the server does not say", where=address, found=str(error), fix=fix) from error
    except OSError as error:
        raise UserError("the server cannot be asked", where=address, found=str(error), fix="is it running?") from error
    except (LookupError, TypeError, AttributeError) as error:
        fix = "name the address of a server that noria serve began, of this version"
        raise UserError("this server does not speak of drift as Noria's does", where=address, fix=fix) from error


def _reason(error: HTTPError) -> str:
    """Return what the server says, as far as it is its own way of saying so."""
    try:
        content: Any = json.load(error)
        return str(content["error"]["message"])
    except (OSError, HTTPException, ValueError, LookupError, TypeError):
        return str(error.reason)
