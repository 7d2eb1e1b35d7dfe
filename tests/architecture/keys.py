"""Rules on inputs and arrays: no file takes the first input, knows an input's name, or reads another room's arrays.

The keys of arrays are owned by the room that makes them: the keys of dicts in functions that return Encoded, Output or
Arrays. A head or loss of model/ is a room of its own; who imports its file may read its keys. Who imports the constant
by which the owner, or the contract, calls an array may read it by that name, but by no text of its own. Each rule
yields the lines it objects to.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping

from architecture.branches import is_call, last
from architecture.tree import File, constants, imports, texts

MADE = re.compile(r"\b(Encoded|Output|Arrays)\b")
HOLDS_ARRAYS = re.compile(r"\b(Arrays|Output|Encoded)\b|\[str, (Tensor|np\.ndarray|torch\.Tensor|Ragged)")
CALLED_ARRAYS = {"arrays", "output", "truth", "learnt"}
OF_THE_CONTRACT = {"loss", "each"}  # what Target.loss returns
CONTRACT = "contract"  # the room whose constants all may read arrays by


def first_inputs(file: File) -> Iterator[int]:
    """The first input is taken for the one that is meant, or the first of the arrays of an answer."""
    for nodes in file.functions:
        listed = {
            target.id
            for node in nodes
            if isinstance(node, ast.Assign) and _is_listed(node.value)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        counted = {id(call.args[0]) for call in nodes if is_call(call, "len")}  # how many records
        for node in nodes:
            if id(node) not in counted and _takes_first(node, listed):
                yield node.lineno  # type: ignore[attr-defined]


def _takes_first(node: ast.AST, listed: set[str]) -> bool:
    if is_call(node, "next") and is_call(node.args[0], "iter"):
        return _is_named(node.args[0].args[0], "inputs", "embedders", "target", "truth", "output")
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant) and node.slice.value == 0:
        return _is_listed(node.value) or (isinstance(node.value, ast.Name) and node.value.id in listed)
    if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Tuple | ast.List):
        return _is_named(node.value, "inputs", "embedders")
    called = node.name if isinstance(node, ast.FunctionDef) else last(node)
    return bool(re.search(r"first_(input|modality|field)$|(input|modality|field)_first$", called))


def _is_listed(node: ast.AST) -> bool:
    """Say whether it is `list(task.inputs)`, `[*task.inputs]` or the like."""
    if is_call(node, "list", "tuple", "sorted"):
        return _is_named(node.args[0], "inputs", "embedders")
    starred = node.elts[0] if isinstance(node, ast.List | ast.Tuple) and node.elts else None
    return isinstance(starred, ast.Starred) and _is_named(starred.value, "inputs", "embedders")


def _is_named(node: ast.AST, *names: str) -> bool:
    """Say whether it is a mapping of that name, or its keys, values or items."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        return node.func.attr in ("keys", "values", "items") and _is_named(node.func.value, *names)
    return isinstance(node, ast.Name | ast.Attribute) and last(node) in names


def fixed_inputs(file: File, among: Mapping[str, File]) -> Iterator[int]:
    """An input is asked for by a name that only its task gives."""
    if file.is_below("tasks"):
        return
    known = constants(file, among)
    for node in file.nodes:
        for holder, key in _looked_up(node):
            if _is_named(holder, "inputs", "embedders") and _texts_alone(key, known):
                yield node.lineno  # type: ignore[attr-defined]


def _looked_up(node: ast.AST) -> Iterator[tuple[ast.AST, ast.AST]]:
    """Yield what is looked into, and under which key: x[key], x.get(key), x.pop(key), key in x."""
    if isinstance(node, ast.Subscript):
        yield node.value, node.slice
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in ("get", "pop"):
        yield from ((node.func.value, key) for key in node.args[:1])
    elif isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.In | ast.NotIn):
        yield node.comparators[0], node.left


def _texts_alone(node: ast.AST, known: Mapping[str, ast.AST]) -> list[str]:
    """Return the text that a key is, by itself or as a constant; nothing for what is computed."""
    return list(texts(node, known)) if isinstance(node, ast.Constant | ast.Name) else []


def owners(among: Mapping[str, File]) -> dict[str, set[str]]:
    """Return which rooms make each key of an array."""
    found: dict[str, set[str]] = {}
    for file in among.values():
        if file.is_below("modalities", "targets", "model"):
            for key in _made(file, constants(file, among)) - OF_THE_CONTRACT:
                found.setdefault(key, set()).add(_owner(file))
    return found


def _owner(file: File) -> str:
    return file.name if file.is_below("model") else file.room


def _made(file: File, known: Mapping[str, ast.AST]) -> set[str]:
    makers = [node for node in file.nodes if isinstance(node, ast.FunctionDef) and node.returns is not None]
    keys: set[str] = set()
    for maker in makers:
        if not MADE.search(ast.unparse(maker.returns)):  # type: ignore[arg-type]
            continue
        for node in ast.walk(maker):
            if isinstance(node, ast.Dict):
                keys |= {key for one in node.keys if one is not None for key in _texts_alone(one, known)}
            elif isinstance(node, ast.Assign):
                stored = [one.slice for one in node.targets if isinstance(one, ast.Subscript)]
                keys |= {key for one in stored for key in _texts_alone(one, known)}
    return keys


def constants_from(file: File, among: Mapping[str, File]) -> dict[str, str]:
    """Return which room each constant comes from that a file imports at its top."""
    found: dict[str, str] = {}
    for node in file.tree.body:
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("noria."):
            there = among.get(node.module.removeprefix("noria."))
            own = constants(there, {}) if there else {}
            found |= {one.asname or one.name: _owner(there) for one in node.names if there and one.name in own}
    return found


def array_keys(file: File, among: Mapping[str, File], owned: Mapping[str, set[str]]) -> Iterator[int]:
    """An array is asked for by a key that another room gives it."""
    known = constants(file, among)
    rooms = {_owner(file)} | {name for name, _ in imports(file, among) if name.startswith("model.")}
    imported = constants_from(file, among)
    for nodes in file.functions:
        arrays = _array_names(nodes)
        for node in nodes:
            for holder, key in _looked_up(node):
                for text in _texts_alone(key, known):
                    is_foreign = text in owned and not rooms & owned[text]
                    is_named = isinstance(key, ast.Name) and imported.get(key.id) in {*owned.get(text, ()), CONTRACT}
                    if is_foreign and not is_named and (text.startswith("_") or _are_arrays(holder, arrays)):
                        yield node.lineno  # type: ignore[attr-defined]


def _are_arrays(node: ast.AST, called: set[str]) -> bool:
    if isinstance(node, ast.Name):
        return node.id in called
    if isinstance(node, ast.Attribute):
        return node.attr in ("arrays", "target") and last(node.value) not in ("job", "task", "self")
    return isinstance(node, ast.Subscript) and last(node.value) == "inputs"


def _array_names(nodes: list[ast.AST]) -> set[str]:
    """Return the names given to arrays: by annotation, by assignment, by custom."""
    found = set(CALLED_ARRAYS)
    for node in nodes:
        if isinstance(node, ast.arg | ast.AnnAssign) and node.annotation is not None:
            text = ast.unparse(node.annotation)
            name = node.arg if isinstance(node, ast.arg) else last(node.target)
            if HOLDS_ARRAYS.search(text) and not re.search(r"\[str, (dict|Mapping|Arrays)", text):
                found.add(name)
        elif isinstance(node, ast.Assign):
            pairs = [(target, node.value) for target in node.targets]
            if isinstance(node.targets[0], ast.Tuple) and isinstance(node.value, ast.Tuple):
                pairs = list(zip(node.targets[0].elts, node.value.elts, strict=False))
            found |= {name.id for name, value in pairs if isinstance(name, ast.Name) and _are_arrays(value, set())}
    return found
