"""The settings of a component or of a section of a job, one by one: name, type, default, and the line that says what
it is, in which unit, and when to change it.

A setting's line is a string that stands right under its field, in the class itself or in a base:

    shift: int = field(default=0, metadata=NETWORK_ONLY)
    \"\"\"Largest random shift in training, in pixels. Raise it where objects are not centred.\"\"\"

What tuning should try stands in the field's metadata: `tried(0, 2, 4)`, or `{TRIED: function of the component}` where
it depends on other settings.

Documents, `noria list` and errors show it. Nothing is parsed before it is asked for. A target that looks at an input is
told its name by the task, `Boxes(image="photo")`: such a field is made by `named_input`, is no setting of a job, and
changes nothing about prepared data. Read next: registry.py.
"""

from __future__ import annotations

import ast
import dataclasses
import functools
import inspect
import sys
import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal, Union

from noria.errors import nearest

NETWORK_ONLY_KEY = "network_only"  # in a field's metadata: preparation does not depend on it
BY_TASK = "is_filled_by_task"  # in a field's metadata: it is no setting
TRIED = "tune"  # in a field's metadata: what tuning tries beside the job's own value, see `tried`
IS_SHAPE = "is_shape"  # in a field's metadata: the network's weights are others, so none can be taken over or shared
WORDS = {int: "whole number", float: "number", str: "text", bool: "true or false", Any: "anything", type(None): "null"}


Tried = Sequence[Any] | Mapping[str, Any] | None


@dataclass(frozen=True)
class Setting:
    """One setting: `type` is its annotation, `default` what holds where a job says nothing.

    tried: what tuning tries beside its own value, choices or the ends of a range; None: nothing. is_shape: other
    weights are built for other values.
    """

    name: str
    type: Any
    default: Any
    network_only: bool
    holder: type
    tried: Tried = None
    is_shape: bool = False

    @property
    def line(self) -> str:
        """Return what it is, in which unit, and when to change it; empty where its class says nothing."""
        return lines_of(self.holder).get(self.name, "")

    @property
    def outermost_tried(self) -> Sequence[Any]:
        """Return all choices that tuning tries, or the ends of the range."""
        tried = self.tried or ()
        return [tried["low"], tried["high"]] if isinstance(tried, Mapping) else tried


def settings_of(holder: Any) -> list[Setting]:
    """Return the settings of a dataclass in their order; those of an instance have its own values as defaults."""
    cls = holder if isinstance(holder, type) else type(holder)
    own = None if isinstance(holder, type) else values_of(holder)
    hints = typing.get_type_hints(cls)
    return [
        Setting(
            one.name,
            hints[one.name],
            _default(one) if own is None else own[one.name],
            bool(one.metadata.get(NETWORK_ONLY_KEY)),
            cls,
            _tried(one, holder),
            bool(one.metadata.get(IS_SHAPE)),
        )
        for one in _settable(cls)
    ]


def tried(*choices: Any) -> dict[str, Any]:
    """Return the metadata of a setting that tuning tries these values of, beside the job's own."""
    return {TRIED: choices}


def tried_between(low: float, high: float, log: bool = False) -> dict[str, Any]:
    """Return the metadata of a setting that tuning tries between two values; `log`: by equal factors."""
    return {TRIED: {"low": low, "high": high, "log": log}}


def values_of(holder: Any) -> dict[str, Any]:
    """Return the value of each setting of a component, by name."""
    return {one.name: getattr(holder, one.name) for one in _settable(holder)}


def named_input(usual: str) -> Any:
    """Return a field of a target that holds the name of the input it looks at; `usual` where the task names none."""
    return filled_by_task(usual)


def filled_by_task(usual: Any) -> Any:
    """Return a field of a target that its task fills in from what it knows of its inputs: no setting of a job."""
    return dataclasses.field(default=usual, kw_only=True, metadata={BY_TASK: True})


def fields_by_task(holder: Any) -> dict[str, Any]:
    """Return what the task has filled in, by name: the names of inputs, and what it knows of them."""
    filled = [one.name for one in dataclasses.fields(holder) if one.metadata.get(BY_TASK)]
    return {name: getattr(holder, name) for name in filled}


def named_inputs(holder: Any) -> dict[str, str]:
    """Return the names of inputs that the task has filled in, by the field that holds each."""
    return {name: value for name, value in fields_by_task(holder).items() if isinstance(value, str)}


@functools.cache
def lines_of(cls: type) -> Mapping[str, str]:
    """Return what stands under the fields of a class and of its bases; the class itself wins.

    A class without a source file, as one typed into a console, has none.
    """
    found: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        if base is not object and inspect.get_annotations(base):
            node = _classes(base.__module__).get(base.__qualname__)
            found |= dict(_lines(node)) if node is not None else {}
    return found


def meaning_of(name: str, lines: Mapping[str, str]) -> str:
    """Return what the setting means that is called like this, or nearly so; empty where there is none."""
    near = nearest(name, lines)
    return f"{near}: {lines[near]}" if lines.get(near) else ""


def in_words(hint: Any) -> str:
    """Return a type as a person says it: `whole number or null`."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Annotated:
        return in_words(arguments[0])
    if origin in (Union, types.UnionType):
        return _either([in_words(one) for one in arguments])
    if origin is Literal:
        return _either([f"`{one}`" for one in arguments])
    if origin is dict:
        return f"mapping ({in_words(arguments[0])}: {in_words(arguments[1])})"
    if origin is list or (origin is tuple and arguments[-1] is Ellipsis):
        return f"list ({in_words(arguments[0])})"
    if origin is tuple:
        return f"list of {len(arguments)} ({_either(sorted({in_words(one) for one in arguments}))})"
    return WORDS.get(hint) or (hint.__name__.lower() if isinstance(hint, type) else str(hint))


def _settable(holder: Any) -> list[dataclasses.Field[Any]]:
    return [one for one in dataclasses.fields(holder) if not one.metadata.get(BY_TASK)]


def _tried(one: dataclasses.Field[Any], holder: Any) -> Tried:
    """Return what is tried of a setting; of a class nothing that depends on its other settings."""
    found = one.metadata.get(TRIED)
    if not callable(found):
        return found
    return None if isinstance(holder, type) else found(holder)


def _default(one: dataclasses.Field[Any]) -> Any:
    return one.default if one.default_factory is dataclasses.MISSING else one.default_factory()


@functools.cache
def _classes(module: str) -> dict[str, ast.ClassDef]:
    """Return the classes that stand in a module's source, by their qualified names."""
    try:
        tree = ast.parse(inspect.getsource(sys.modules[module]))
    except (OSError, TypeError, KeyError, SyntaxError):
        return {}
    return dict(_below(tree, ""))


def _below(node: ast.AST, prefix: str) -> Iterator[tuple[str, ast.ClassDef]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ClassDef):
            yield f"{prefix}{child.name}", child
            yield from _below(child, f"{prefix}{child.name}.")
        elif isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from _below(child, f"{prefix}{child.name}.<locals>.")
        else:
            yield from _below(child, prefix)


def _lines(node: ast.ClassDef) -> Iterator[tuple[str, str]]:
    """Yield each field of a class that has a string right under it, and that string in one line."""
    for pair in pairwise(node.body):
        match pair:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(line))):
                yield name, " ".join(line.split())


def _either(words: list[str]) -> str:
    return " or ".join(filter(None, [", ".join(words[:-1]), words[-1]]))
