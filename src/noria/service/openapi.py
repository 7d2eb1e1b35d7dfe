"""The OpenAPI document (3.1) of a server: its paths, and what each takes, by the models that take it. Knows no task."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from starlette.routing import Route

from noria import __version__
from noria.errors import UserError
from noria.service.asking.operation import About, Lookup, Operation
from noria.service.dialects.all import OPERATIONS
from noria.service.request.exchange import JSON
from noria.service.request.http_error import HTTPError, error_schema


def openapi_document(
    models: Sequence[About],
    routes: Iterable[Route],
    lookups: Sequence[Lookup] = (),
    media_types: Mapping[str, Sequence[str]] | None = None,
) -> dict[str, Any]:
    """Return the document. A path that names its model stands once for each model that takes it.

    lookups: those among the routes, which say what they answer with. media_types: of other paths that do not answer
    with JSON alone.
    """
    operations = {path: one for one in OPERATIONS.values() for path in (one.path, *one.aliases)}
    looked_up = {path: one for one in lookups for path in (one.path, *one.aliases)}
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        lookup = looked_up.get(route.path)
        kinds = lookup.media_types if lookup else (media_types or {}).get(route.path, (JSON,))
        usual = {"200": _answer(kinds), "default": _error(operations.get(route.path) or lookup)}
        for method in sorted((route.methods or set()) - {"HEAD"}):
            for path, details in _expanded(route.path, operations.get(route.path), models):
                paths.setdefault(path, {})[method.lower()] = _described(route.name, path, method, details, usual)
    names = ", ".join(one.name for one in models)
    return {
        "openapi": "3.1.0",
        "info": {"title": f"Noria: {names}", "version": __version__},
        "components": {"securitySchemes": {"key": {"type": "http", "scheme": "bearer"}}},
        "security": [{}, {"key": []}],  # where the server has keys, one is needed
        "paths": paths,
    }


def _expanded(path: str, operation: Operation | None, models: Sequence[About]) -> Iterable[tuple[str, dict[str, Any]]]:
    """Yield the paths that a route stands for, and what the model that is asked says of each."""
    count = len(models)
    if operation is not None and "{model}" not in path:  # which one is meant stands in the request
        models = [one for one in models if operation.name in one.told.get("described", {})]
    for one in models if "{model}" in path else models[:1]:
        described = one.told.get("described", {})
        if operation is not None and operation.name not in described:
            continue  # this model is not asked in this way
        if operation is not None and "{model}" not in path and "{model}" in operation.path and count > 1:
            continue  # without a name nobody knows which one is meant
        plain = path.replace("{model}", one.name).replace(":path}", "}")
        yield plain, described.get(operation.name, {}) if operation else {}


def _answer(kinds: Sequence[str]) -> dict[str, Any]:
    return {"description": "the answer", "content": {kind: {"schema": {}} for kind in kinds}}


def _error(asked: Operation | Lookup | None) -> dict[str, Any]:
    """Return what is said of the errors of a path: the shape of its dialect, or of the door, which knows no dialect."""
    schema = usual = error_schema()
    if asked is not None:
        example = asked.refusal(HTTPError(UserError("an example"), code="example"))
        own = _schema_of(json.loads(example.body))
        schema = usual if own == usual else {"anyOf": [own, usual]}
    return {"description": "an error", "content": {JSON: {"schema": schema}}}


def _schema_of(example: dict[str, Any] | str | None) -> dict[str, Any]:
    """Return the JSON schema of an error by its example: a text, an object of such, or null where a text may stand."""
    if isinstance(example, dict):
        fields = {name: _schema_of(value) for name, value in example.items()}
        return {"type": "object", "properties": fields, "required": list(example)}
    return {"type": ["string", "null"] if example is None else "string"}


def _described(
    summary: str, path: str, method: str, details: Mapping[str, Any], responses: Mapping[str, Any]
) -> dict[str, Any]:
    operation = {"operationId": f"{method.lower()}{path.replace('/', '_')}", "summary": summary, **details}
    placeholders = [part[1:-1] for part in path.split("/") if part.startswith("{")]
    parameters = [{"name": one, "in": "path", "required": True, "schema": {"type": "string"}} for one in placeholders]
    more = {"parameters": parameters} if parameters else {}
    return operation | more | {"responses": {**responses, **details.get("responses", {})}}
