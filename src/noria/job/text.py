"""The job file as text: reading it, the line each key stands in, and `key=value` overrides. Knows no schema.

Read next: schema.py.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from noria.errors import UserError

Section = dict[str, Any]


def read_text(path: Path) -> str:
    """Return what a job file holds; raise UserError where it is no text or cannot be read."""
    try:
        return path.read_text("utf-8")
    except UnicodeDecodeError as error:
        raise UserError("a job file is text in UTF-8", where=str(path), found=f"byte {error.start}: {error}") from error
    except OSError as error:
        raise UserError("cannot be read", where=str(path), found=error.strerror or str(error)) from error


def parse(text: str, name: str) -> Section:
    """Return the content of a job file; raise UserError where it is no YAML, or no mapping."""
    try:
        content = _UniqueKeys(text).get_single_data()
    except (yaml.YAMLError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{name}:{mark.line + 1}" if mark else name
        raise UserError("this is not valid YAML", where=where, found=str(getattr(error, "problem", error))) from error
    if not isinstance(content, dict):
        raise UserError("a job file is a mapping of keys", where=name, found=type(content).__name__)
    return content


class _UniqueKeys(yaml.SafeLoader):
    """Read YAML, but refuse a key that stands twice in one mapping: one of its two values would be lost."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Return the mapping of a node; raise YAMLError where a key stands twice."""
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise yaml.constructor.ConstructorError(None, None, "a key is a word", key.start_mark)
            if key.value in seen:
                what = f"the key {key.value!r} stands twice"
                raise yaml.constructor.ConstructorError(None, None, what, key.start_mark)
            seen.add(str(key.value))
        return super().construct_mapping(node, deep)


def parse_override(override: str) -> tuple[list[str], Any]:
    """Return the keys and the value of one `key=value`."""
    key, equals, value = override.partition("=")
    if not equals or not re.fullmatch(r"[\w.-]+", key):
        raise UserError(f"cannot read the override {override!r}", expected="key=value, as in train.minutes=5")
    try:
        return key.split("."), yaml.safe_load(value)
    except (yaml.YAMLError, ValueError) as error:
        raise UserError(f"cannot read the value of the override {override!r}", expected="a YAML value") from error


def set_key(branch: Section, keys: list[str], value: Any) -> None:
    """Put a value at a path of keys."""
    for key in keys[:-1]:
        branch = branch.setdefault(key, {})
        if not isinstance(branch, dict):
            raise UserError(f"the override {'.'.join(keys)} contradicts an earlier one")
    branch[keys[-1]] = value


class Where:
    """Tell at which line of the file, or in which override, a key was given."""

    def __init__(self, name: str, text: str, overrides: Section) -> None:
        self.name, self.overrides = name, overrides
        self.lines: dict[tuple[str, ...], int] = {}
        if text:
            self._note(yaml.compose(text, Loader=yaml.SafeLoader), ())

    def _note(self, node: yaml.Node | None, path: tuple[str, ...]) -> None:
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                below = (*path, str(key.value))
                self.lines[below] = key.start_mark.line + 1
                self._note(value, below)

    def __call__(self, path: Sequence[object]) -> str:
        keys = tuple(str(key) for key in path)
        dotted = ".".join(keys)
        branch: Any = self.overrides
        for key in keys:
            branch = branch.get(key) if isinstance(branch, Mapping) else None
        if branch is not None:
            return f"{dotted}= on the command line"
        for length in range(len(keys), 0, -1):
            if keys[:length] in self.lines:
                return f"{self.name}:{self.lines[keys[:length]]} {dotted}"
        return f"{self.name} {dotted}"
