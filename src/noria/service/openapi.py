"""The OpenAPI document (3.1) of one model's service: its paths, and the schema of what each takes. Knows no task."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from typing import Any

from starlette.routing import Route

from noria import __version__
from noria.service.http_error import error_schema


def openapi_document(name: str, routes: Iterable[Route], details: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    """Return the document; `details` says for a path what its operation takes and answers beyond the usual."""
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        methods = (route.methods or set()) - {"HEAD"}
        paths[route.path] = {method.lower(): _operation(route, details.get(route.path, {})) for method in methods}
    return {"openapi": "3.1.0", "info": {"title": f"Noria: {name}", "version": __version__}, "paths": paths}


def body_of_json(schema: dict[str, Any]) -> dict[str, Any]:
    """Return what an operation says of the JSON it takes."""
    return {"required": True, "content": {"application/json": {"schema": schema}}}


def answer_of_json(others: Mapping[str, Any]) -> dict[str, Any]:
    """Return what an operation says of an answer that is JSON, or one of some other kinds."""
    return {"description": "the answer", "content": {"application/json": {"schema": {}}, **others}}


def _operation(route: Route, details: dict[str, Any]) -> dict[str, Any]:
    responses = {
        "200": answer_of_json({}),
        "default": {"description": "an error", "content": {"application/json": {"schema": error_schema()}}},
    }
    summary = (inspect.getdoc(route.endpoint) or "").partition("\n")[0]
    operation = {"operationId": route.name, "summary": summary, **details}
    return operation | {"responses": responses | details.get("responses", {})}
