"""Why a request is not answered: a UserError with an HTTP status, and the one JSON shape of every error.

    {"error": {"message": .., "type": .., "param": "records[0].image", "code": "missing_field"}}

The shape is that of OpenAI, which most clients can read. Knows no route.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from starlette.responses import Response

from noria.errors import UserError, UserErrors

SHOWN_CHARACTERS = 60  # of what a client sent: an error must not be as large as the request
MESSAGE_CHARACTERS = 4000  # twenty problems fit
_FIELDS = ("message", "type", "param", "code")


class HTTPError(Exception):
    """A request that is not answered. `code` is for programs; `param` is the place in the request, where there is one.

    400 the request is not what the schema says, 413 it is too large, 422 a record is whole but the model cannot use it.
    """

    def __init__(
        self,
        error: UserError,
        status: HTTPStatus = HTTPStatus.BAD_REQUEST,
        *,
        code: str,
        param: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.error, self.status, self.code, self.param = error, status, code, param
        self.headers = dict(headers or {})
        super().__init__(str(error))

    def response(self) -> Response:
        """Return the answer to send."""
        return json_response(self.content(), self.status, self.headers)

    def content(self) -> dict[str, Any]:
        """Return the JSON object of the error."""
        # What a client sent may hold half a character (a lone surrogate), which no UTF-8 can carry.
        message = str(self.error)[:MESSAGE_CHARACTERS].encode("utf-8", "backslashreplace").decode("utf-8")
        error = dict(zip(_FIELDS, (message, _type(self.status), self.param, self.code), strict=True))
        return {"error": error}


def broken() -> HTTPError:
    """Return the error of a bug: it says nothing of it to the client."""
    told = UserError("something is broken in the server", fix="its log says what")
    return HTTPError(told, HTTPStatus.INTERNAL_SERVER_ERROR, code="internal_error")


def busy(found: str) -> HTTPError:
    """Return the error of a request that would have to wait too long."""
    error = UserError("the server has too much to do", found=found, fix="ask again in a second")
    return HTTPError(error, HTTPStatus.SERVICE_UNAVAILABLE, code="overloaded", headers={"Retry-After": "1"})


def raise_all(errors: Sequence[HTTPError]) -> None:
    """Raise the errors as one, with the code and the place of the first; do nothing when there are none."""
    if errors:
        first = errors[0]
        error = UserErrors([one.error for one in errors])
        raise HTTPError(error, first.status, code=first.code, param=first.param, headers=first.headers)


def error_schema() -> dict[str, Any]:
    """Return the JSON schema of every error."""
    fields = {name: {"type": ["string", "null"] if name == "param" else "string"} for name in _FIELDS}
    error = {"type": "object", "properties": fields, "required": list(_FIELDS)}
    return {"type": "object", "properties": {"error": error}, "required": ["error"]}


def shown(value: object) -> str:
    """Return what a client sent, short enough to stand in a sentence."""
    if isinstance(value, list | dict | bytes):
        return {list: "a list", dict: "an object", bytes: "a file"}[type(value)]
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}..."


def json_response(
    content: object, status: HTTPStatus = HTTPStatus.OK, headers: Mapping[str, str] | None = None
) -> Response:
    """Return a JSON answer; NaN is a bug of ours, never sent."""
    return Response(json_bytes(content), status, headers, "application/json")


def json_bytes(content: object) -> bytes:
    """Return compact JSON in UTF-8."""
    return json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def _type(status: HTTPStatus) -> str:
    if status == HTTPStatus.UNAUTHORIZED:
        return "authentication_error"
    return "server_error" if status >= HTTPStatus.INTERNAL_SERVER_ERROR else "invalid_request_error"
