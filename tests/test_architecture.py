"""The house as it was drawn: who may import whom, and that nothing but a task knows a task by name."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import noria
from noria import find

SOURCE = Path(noria.__file__).parent
FILES = sorted(SOURCE.rglob("*.py"))

# The layers of the design, lowest first: a part imports from its own layer or a lower one. What is not named here
# belongs to MIDDLE: job, find, contract_checks, sources, store, runs, bundle, model, ledger, ...
LAYERS = [
    ["noria", "errors", "cache"],
    ["nouns", "disk", "units"],
    ["contract"],
    [],
    ["stages", "report"],
    ["service"],
    ["cli", "__main__"],
]
MIDDLE = LAYERS.index([])
# Spokes stand beside the layers: they are found by name and know only the contract, and what they are made of.
SPOKES = {
    "modalities": {"contract", "nouns", "errors", "model", "text", "vision", "modalities"},
    "targets": {"contract", "nouns", "errors", "model", "text", "vision", "metrics", "targets"},
    "tasks": {"contract", "nouns", "errors", "sources", "store", "text", "modalities", "targets", "tasks"},
}


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


def part_of(module: str) -> str:
    """Return the file or folder directly below noria that a module belongs to."""
    return module.split(".")[1] if "." in module else "noria"


def module_of(path: Path) -> str:
    names = path.relative_to(SOURCE.parent).with_suffix("").parts
    return ".".join(names[:-1] if names[-1] == "__init__" else names)


MODULES = {module_of(file) for file in FILES}


def imports(path: Path) -> Iterator[tuple[str, int]]:
    """Yield each module of ours that a file imports when it runs, wherever the statement stands, and its line."""
    tree = parsed(path)
    only_typed = {
        id(node)
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and "TYPE_CHECKING" in ast.unparse(block.test)
        for statement in block.body
        for node in ast.walk(statement)
    }
    for node in ast.walk(tree):
        if id(node) in only_typed:
            continue
        if isinstance(node, ast.Import):
            found = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: relative import"
            below = [f"{node.module}.{alias.name}" for alias in node.names]
            found = [name if name in MODULES else str(node.module) for name in below]
        else:
            continue
        yield from ((name, node.lineno) for name in found if name.split(".")[0] == "noria")


def test_imports_go_down_only():
    rank = dict.fromkeys({part_of(module) for module in MODULES} - set(SPOKES), MIDDLE)
    rank |= {name: height for height, layer in enumerate(LAYERS) for name in layer}
    wrong, seen = [], 0
    for path in FILES:
        own = part_of(module_of(path))
        for name, line in imports(path):
            seen += 1
            other = part_of(name)
            allowed = SPOKES.get(own) or {part for part in rank if rank[part] <= rank[own]}
            if other not in allowed | {own, "noria"}:
                wrong.append(f"{path.relative_to(SOURCE)}:{line} {own} imports {name}")
    assert seen > 100
    assert wrong == []


def test_no_modules_import_each_other_in_a_circle():
    graph = {module_of(path): {name for name, _ in imports(path)} - {module_of(path), "noria"} for path in FILES}
    done: set[str] = set()

    def visit(module: str, above: tuple[str, ...]) -> None:
        assert module not in above, " -> ".join((*above[above.index(module) :], module))
        if module not in done:
            for name in sorted(graph.get(module, ())):
                visit(name, (*above, module))
            done.add(module)

    for module in sorted(graph):
        visit(module, ())
    assert len(done) >= len(FILES)


def branches_on_tasks(tree: ast.AST) -> list[int]:
    """Return the lines that ask which task is being served, or name a task outside a docstring."""
    names = set(find.names("tasks"))
    classes = {"".join(part.capitalize() for part in name.split("-")) for name in names}
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node) is not None
    }
    lines = []
    for node in ast.walk(tree):
        is_name = isinstance(node, ast.Constant) and node.value in names and id(node) not in docstrings
        is_class = isinstance(node, ast.Name | ast.Attribute) and ast.unparse(node).split(".")[-1] in classes
        if is_name or is_class or asks_for_task(node):
            lines.append(node.lineno)
    return lines


def asks_for_task(node: ast.AST) -> bool:
    """Say whether a comparison or a match looks at the name of a task."""
    if isinstance(node, ast.Match):
        return ast.unparse(node.subject).split(".")[-1] in ("task", "task_name")
    if not isinstance(node, ast.Compare):
        return False
    sides = [node.left, *node.comparators]
    parts = [part for side in sides for part in ast.walk(side)]
    has_text = any(isinstance(part, ast.Constant) and isinstance(part.value, str) for part in parts)
    return has_text and any(ast.unparse(side).split(".")[-1] in ("task", "task_name") for side in sides)


def test_no_branch_outside_tasks_asks_which_task_it_serves():
    found = {
        str(path.relative_to(SOURCE)): lines
        for path in FILES
        if "tasks" not in path.relative_to(SOURCE).parts
        if (lines := branches_on_tasks(parsed(path)))
    }
    assert found == {}


@pytest.mark.parametrize(
    "code",
    [
        'if job.task == "image-classification": pass',
        'x = task in ("a", "b")\nif task == "anything": pass',
        "match job.task:\n    case _: pass",
        "isinstance(task, ImageClassification)",
        'TABLE = {"tabular-regression": 1}',
    ],
)
def test_the_count_of_branches_sees_a_branch(code):
    assert branches_on_tasks(ast.parse(code))


def test_no_file_is_longer_than_400_lines():
    long = {
        str(path.relative_to(SOURCE)): n for path in FILES if (n := len(path.read_text("utf-8").splitlines())) > 400
    }
    assert long == {}
    assert len(FILES) > 50


def test_library_code_prints_nothing():
    calls = [
        f"{path.relative_to(SOURCE)}:{node.lineno}"
        for path in FILES
        if path.name not in ("cli.py", "__main__.py")
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("print", "sys.stdout.write")
    ]
    assert calls == []


def test_nothing_evaluates_or_unpickles_what_a_user_gives():
    forbidden = {"eval", "exec", "pickle.load", "pickle.loads", "torch.load", "yaml.load", "yaml.unsafe_load"}
    calls = [
        f"{path.relative_to(SOURCE)}:{node.lineno}"
        for path in FILES
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.Call) and ast.unparse(node.func) in forbidden and not reads_tensors_alone(node)
    ]
    assert calls == []


def reads_tensors_alone(call: ast.Call) -> bool:
    """Say whether it is torch.load of what is no code: the one published file whose hash is asked for first."""
    return ast.unparse(call.func) == "torch.load" and "weights_only=True" in map(ast.unparse, call.keywords)


@pytest.mark.parametrize(
    "module", ["noria", "noria.cli", "noria.job", "noria.contract", "noria.sources", "noria.contract_checks"]
)
def test_importing_it_does_not_import_torch(module):
    code = f"import sys, {module}; sys.exit('torch' in sys.modules or 'sklearn' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=120).returncode == 0


def test_every_verb_of_the_package_is_there():
    for verb in noria.__all__:
        assert getattr(noria, verb) is not None
    with pytest.raises(AttributeError, match="no attribute 'trian'"):
        _ = noria.trian
