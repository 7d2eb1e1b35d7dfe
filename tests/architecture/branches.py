"""Rules on what no file may ask: which task, modality or target it serves, of what class it is, what it overrides.

Each rule yields the lines it objects to. Read next: keys.py, for names of inputs and of arrays.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import TypeGuard

from architecture.tree import COMPONENTS, File, constants, parts_below, texts

# What a component is called, and what it is annotated with.
CALLED = {"task", "target", "modality", "component", "head", "embedder"}
ANNOTATED = re.compile(r"\b(Task|Modality|Target|Component)\b")
# What holds arrays under the names of inputs, not components.
HOLDS_ARRAYS = {"batch", "dataset", "windows", "kept", "train", "held_out", "whole", "records"}
# The one place that asks for a capability, and the one that reads the settings of any component by their names.
ASK_COMPONENTS = ("contract.capabilities", "contract.settings")
KIND_IS_ASKED = re.compile(r"\b(kind|kind_of|answer_field|field|modality)\b")
HOLDS_KINDS = re.compile(r"(?i)kinds|modalities|targets|^(states|fields)$")
FINDERS = ("find.modality", "find.target", "registry.modality", "registry.target")


class Names:
    """The names of the tasks, modalities and targets that the house has, and the classes of the tasks."""

    def __init__(self, among: Mapping[str, File]) -> None:
        self.among = among

    @cached_property
    def tasks(self) -> set[str]:
        return {name.replace("_", "-") for name in parts_below("tasks", self.among)}

    @cached_property
    def task_classes(self) -> set[str]:
        return {"".join(part.capitalize() for part in name.split("-")) for name in self.tasks}

    @cached_property
    def kinds(self) -> set[str]:
        found = {name for room in ("modalities", "targets") for name in parts_below(room, self.among)}
        return found | {name.replace("_", "-") for name in found}


def last(node: ast.AST) -> str:
    """Return the last name of a dotted one: `target` of `predictor.task.target`, `inputs` of `task.inputs[name]`."""
    if isinstance(node, ast.Subscript):
        return last(node.value)
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def is_call(node: ast.AST, *names: str) -> TypeGuard[ast.Call]:
    """Say whether a node calls a function of one of these names with something."""
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names and bool(node.args)


def task_names(file: File, names: Names) -> Iterator[int]:
    """A task is named, or the name of the task is asked for."""
    if file.is_below("tasks"):
        return
    holders = [node for node in file.nodes if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)]
    docstrings = {id(node.body[0].value) for node in holders if ast.get_docstring(node) is not None}  # type: ignore[attr-defined]
    for node in file.nodes:
        is_name = isinstance(node, ast.Constant) and id(node) not in docstrings and node.value in names.tasks
        is_class = isinstance(node, ast.Name | ast.Attribute) and last(node) in names.task_classes
        if is_name or is_class or _asks_for_task(node):
            yield node.lineno  # type: ignore[attr-defined]


def _asks_for_task(node: ast.AST) -> bool:
    if isinstance(node, ast.Match):
        return last(node.subject) in ("task", "task_name")
    if not isinstance(node, ast.Compare):
        return False
    sides = [node.left, *node.comparators]
    return any(map(list, map(texts, sides))) and any(last(side) in ("task", "task_name") for side in sides)


def kind_names(file: File, names: Names) -> Iterator[int]:
    """A kind of input or answer is compared with a name of one, or looked up by it."""
    if file.is_below(*COMPONENTS):
        return
    known = constants(file, names.among)

    def is_named(node: ast.AST) -> bool:
        return bool(set(texts(node, known)) & names.kinds)

    for node in file.nodes:
        if isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
            asked = [side for side in sides if not is_named(side)]
            if len(asked) < len(sides) and any(KIND_IS_ASKED.search(ast.unparse(side)) for side in asked):
                yield node.lineno
        elif isinstance(node, ast.Match) and KIND_IS_ASKED.search(ast.unparse(node.subject)):
            yield from (case.pattern.lineno for case in node.cases if is_named(case.pattern))
        elif isinstance(node, ast.Subscript) and HOLDS_KINDS.search(last(node.value)) and is_named(node.slice):
            yield node.lineno
        elif isinstance(node, ast.comprehension) and KIND_IS_ASKED.search(ast.unparse(node.target)):
            yield from [node.iter.lineno] if is_named(node.iter) else []
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in FINDERS and is_named(node):
            yield node.lineno


def class_questions(file: File) -> Iterator[int]:
    """A component is asked for its class or for what it has: isinstance, hasattr, getattr, type."""
    if file.name in ASK_COMPONENTS:
        return
    for function in file.functions:
        known = _component_names(function)
        for node in function:
            if is_call(node, "isinstance", "hasattr", "getattr") and is_component(node.args[0], known):
                yield node.lineno
            yield from (call.lineno for call in _compared_classes(node) if is_component(call.args[0], known))


def _compared_classes(node: ast.AST) -> Iterator[ast.Call]:
    """Yield the calls `type(x)` that are compared, tested, or asked for the file they stand in."""
    if isinstance(node, ast.Compare):
        found = [node.left, *node.comparators]
    elif isinstance(node, ast.Call) and ast.unparse(node.func) in ("isinstance", "issubclass"):
        found = node.args
    elif isinstance(node, ast.Attribute) and node.attr in ("__module__", "__qualname__"):
        found = [node.value]
    else:
        return
    yield from (one for one in found if isinstance(one, ast.Call) and ast.unparse(one.func) == "type" and one.args)


def overridden_methods(file: File) -> Iterator[int]:
    """It is asked whether a class of its own gives a method: `type(x).f is`, `vars(type(x))`, `.__func__`."""
    for node in file.nodes:
        if any(True for _ in _classes_looked_into(node)):
            yield node.lineno  # type: ignore[attr-defined]


def _classes_looked_into(node: ast.AST) -> Iterator[ast.AST]:
    """Yield what a node looks into for a method: the call `type(x)` of `type(x).f is Target.f`."""
    if isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.Is | ast.IsNot | ast.Eq | ast.NotEq):
        for side in (node.left, *node.comparators):
            if isinstance(side, ast.Attribute) and not side.attr.startswith("__") and _is_class_of(side.value):
                yield side.value
    elif isinstance(node, ast.Call) and ast.unparse(node.func) == "vars" and node.args and _is_class_of(node.args[0]):
        yield node.args[0]
    elif isinstance(node, ast.Attribute):
        is_looked_through = node.attr in ("__dict__", "__mro__") and _is_class_of(node.value)
        yield from [node.value] if is_looked_through or node.attr == "__func__" else []


def _is_class_of(node: ast.AST) -> bool:
    is_type = isinstance(node, ast.Call) and ast.unparse(node.func) == "type"
    return is_type or (isinstance(node, ast.Attribute) and node.attr == "__class__")


def is_component(node: ast.AST, known: set[str]) -> bool:
    """Say whether an expression is a task, a modality, a target, or what one of them built for the model."""
    if isinstance(node, ast.Name):
        return node.id in CALLED | known
    if isinstance(node, ast.Subscript):
        return last(node.value) in ("inputs", "embedders") and not _holds_arrays(node.value)
    if isinstance(node, ast.Attribute):
        is_answer = node.attr == "answer" and last(node.value) in ("self", "model")
        return (node.attr in CALLED and last(node.value) not in HOLDS_ARRAYS) or is_answer
    return False


def _holds_arrays(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) or (isinstance(node, ast.Attribute) and last(node.value) in HOLDS_ARRAYS)


def _component_names(nodes: list[ast.AST]) -> set[str]:
    """Return the names given to components: by annotation, by a loop over inputs, by assignment."""
    found: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.arg) and node.annotation is not None:
            text = ast.unparse(node.annotation)
            if ANNOTATED.search(text) and "[" not in text:
                found.add(node.arg)
        elif isinstance(node, ast.For | ast.comprehension):
            found |= _looped(node.target, node.iter)
        elif isinstance(node, ast.Assign) and is_component(node.value, set()):
            found |= {one.id for one in node.targets if isinstance(one, ast.Name)}
        elif isinstance(node, ast.NamedExpr) and is_component(node.value, set()):
            found.add(node.target.id)
    return found


def _looped(target: ast.AST, over: ast.AST) -> set[str]:
    """Return the name of the component in `for modality in task.inputs.values()`, `for name, one in ...items()`."""
    if not (isinstance(over, ast.Call) and isinstance(over.func, ast.Attribute)):
        return set()
    held = over.func.value
    if last(held) not in ("inputs", "embedders") or isinstance(held, ast.Name) or _holds_arrays(held):
        return set()
    if over.func.attr == "items" and isinstance(target, ast.Tuple):
        target = target.elts[-1]
    return {target.id} if over.func.attr in ("values", "items") and isinstance(target, ast.Name) else set()
