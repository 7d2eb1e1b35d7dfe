"""The OpenAPI document (3.1) of a server: its paths, and what each takes, by the models that take it. Knows no task."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from starlette.routing import Route

from noria import __version__
from noria.service.asking.operation import About, Operation
from noria.service.dialects.all import OPERATIONS
from noria.service.request.described import answer_of_json
from noria.service.request.http_error import error_schema


def openapi_document(models: Sequence[About], routes: Iterable[Route]) -> dict[str, Any]:
    """Return the document. A path that names its model stands once for each model that takes it."""
    operations = {path: one for one in OPERATIONS.values() for path in (one.path, *one.aliases)}
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        for method in sorted((route.methods or set()) - {"HEAD"}):
            for path, details in _expanded(route.path, operations.get(route.path), models):
                paths.setdefault(path, {})[method.lower()] = _described(route.name, path, method, details)
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


def _described(summary: str, path: str, method: str, details: Mapping[str, Any]) -> dict[str, Any]:
    responses = {
        "200": answer_of_json({}),
        "default": {"description": "an error", "content": {"application/json": {"schema": error_schema()}}},
    }
    operation = {"operationId": f"{method.lower()}{path.replace('/', '_')}", "summary": summary, **details}
    placeholders = [part[1:-1] for part in path.split("/") if part.startswith("{")]
    parameters = [{"name": one, "in": "path", "required": True, "schema": {"type": "string"}} for one in placeholders]
    more = {"parameters": parameters} if parameters else {}
    return operation | more | {"responses": responses | details.get("responses", {})}
