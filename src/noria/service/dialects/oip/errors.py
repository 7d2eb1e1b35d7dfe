"""Errors as the protocol has them: {"error": "a sentence"}."""

from __future__ import annotations

from http import HTTPStatus

from noria.errors import UserError
from noria.service.asking.operation import JSON, Reply
from noria.service.request.http_error import HTTPError, json_bytes, shown


def refusal(error: HTTPError) -> Reply:
    """Return the answer to a request that is not answered."""
    message = error.content()["error"]["message"]
    return Reply(json_bytes({"error": message}), error.status, {"content-type": JSON, **error.headers})


def wrong_version(name: str, asked: str, served: str) -> HTTPError:
    """Return the error of a version that is not the one that is served."""
    error = UserError(f"the model {name!r} is not served in version {shown(asked)}", found=f"version {served}")
    return HTTPError(error, HTTPStatus.NOT_FOUND, code="version_not_found", param="version")


def not_offered(what: str, fix: str) -> HTTPError:
    """Return the error of what the protocol has and Noria does not."""
    return HTTPError(UserError(what, fix=fix), HTTPStatus.NOT_IMPLEMENTED, code="not_implemented")
