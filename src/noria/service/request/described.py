"""What an operation says of the JSON it takes and gives, as OpenAPI has it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def body_of_json(schema: dict[str, Any]) -> dict[str, Any]:
    """Return what an operation says of the JSON it takes."""
    return {"required": True, "content": {"application/json": {"schema": schema}}}


def answer_of_json(others: Mapping[str, Any]) -> dict[str, Any]:
    """Return what an operation says of an answer that is JSON, or one of some other kinds."""
    return {"description": "the answer", "content": {"application/json": {"schema": {}}, **others}}
