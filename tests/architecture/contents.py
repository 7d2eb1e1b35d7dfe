"""Rules on what a file is called, how long it is, and what it must not do."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from architecture.tree import SOURCE, File

MOST_LINES = 400
SAYS_NOTHING = {"utils", "util", "helpers", "helper", "common", "misc", "manager", "base", "legacy"}
PRINTS_BY_DESIGN = ("printing", "cli", "__main__")
FILE_NAMED = re.compile(r"(?<![\w/.{}*<-])(?:[a-z_0-9]+/)*[a-z_0-9]+\.py\b")
EVALUATES = {"eval", "exec", "pickle.load", "pickle.loads", "torch.load", "yaml.load", "yaml.unsafe_load"}


def too_long(file: File) -> Iterator[int]:
    """A file has more than 400 lines."""
    if (lines := len(file.text.splitlines())) > MOST_LINES:
        yield lines


def empty_names(file: File) -> Iterator[int]:
    """A file is called after no idea: utils, helpers, base, ..._v2."""
    names = file.name.split(".")
    if any(set(name.split("_")) & SAYS_NOTHING or name.endswith("_v2") for name in names):
        yield 1


def relative_imports(file: File) -> Iterator[int]:
    """A module is imported by where it stands beside this one, so that neither can be moved or found by its name."""
    yield from (node.lineno for node in file.nodes if isinstance(node, ast.ImportFrom) and node.level)


def prints(file: File) -> Iterator[int]:
    """Library code prints."""
    if not file.is_below(*PRINTS_BY_DESIGN):
        yield from (line for name, line in _calls(file) if name in ("print", "sys.stdout.write"))


def evaluates(file: File) -> Iterator[int]:
    """What a user gives is evaluated or unpickled; `torch.load` may read tensors alone."""
    for node in file.nodes:
        if isinstance(node, ast.Call) and ast.unparse(node.func) in EVALUATES:
            is_safe = "weights_only=True" in map(ast.unparse, node.keywords)
            if not (is_safe and ast.unparse(node.func) == "torch.load"):
                yield node.lineno


def without_docstring(file: File) -> Iterator[int]:
    """A file, or a public function or class right in it, does not say what it does."""
    if ast.get_docstring(file.tree) is None:
        yield 1
    for node in file.tree.body:
        is_named = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        if is_named and not node.name.startswith("_") and ast.get_docstring(node) is None:
            yield node.lineno


def stale_paths(file: File) -> Iterator[int]:
    """A text names a file that is not there: beside this one, below src/noria, or from the top of the repository."""
    tops = (SOURCE, SOURCE.parents[1], (SOURCE.parents[1] / file.path).parent)
    for number, line in enumerate(file.text.splitlines(), 1):
        for named in FILE_NAMED.findall(line):
            if not any((top / named).is_file() for top in tops):
                yield number


def _calls(file: File) -> Iterator[tuple[str, int]]:
    yield from ((ast.unparse(node.func), node.lineno) for node in file.nodes if isinstance(node, ast.Call))
