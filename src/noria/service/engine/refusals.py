"""Why a model's process does not answer a request, in the words of the service."""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus

from noria.errors import UserError
from noria.service.asking.operation import Operation
from noria.service.request.http_error import HTTPError


def unusable_setting(error: UserError) -> HTTPError:
    """Return the refusal of a setting that cannot be used, or of the record that it came with."""
    if error.where.startswith("record"):
        return HTTPError(error, HTTPStatus.UNPROCESSABLE_ENTITY, code="unusable_record", param="record")
    param = f"settings.{error.where}" if error.where else "settings"
    return HTTPError(error, code="unusable_setting", param=param)


def not_offered(operation: Operation, name: str, offered: Iterable[Operation]) -> HTTPError:
    """Return the refusal of an operation, with those that the model has."""
    asked, *others = (f"{one.method} {one.path.replace('{model}', name)}" for one in (operation, *offered))
    error = UserError(f"this model is not asked by {asked}", expected=" or ".join(others))
    return HTTPError(error, HTTPStatus.NOT_FOUND, code="not_offered")
