"""The files of the house, parsed, and what each of them imports: at run time, within functions and for types alone."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

SOURCE = Path(__file__).parents[2] / "src" / "noria"
# Rooms whose parts are found by name: nothing but they themselves imports them.
COMPONENTS = ("modalities", "targets", "tasks", "checkpoints")


@dataclass(frozen=True, eq=False)
class File:
    """A file of the house. Its name is the module's without `noria.`: `model.mask`; `noria` is the package itself."""

    name: str
    tree: ast.Module
    text: str
    is_package: bool = False

    @property
    def path(self) -> str:
        """Where it lies, from the top of the repository."""
        names = [] if self.name == "noria" else self.name.split(".")
        return "/".join(["src/noria", *names]) + ("/__init__.py" if self.is_package else ".py")

    @property
    def room(self) -> str:
        """The idea a file belongs to: the folder or file right below modalities, targets or tasks; else its folder."""
        names = self.name.split(".")
        if names[0] in COMPONENTS:
            return ".".join(names[:2])
        return self.name if self.is_package else ".".join(names[:-1])

    @cached_property
    def nodes(self) -> list[ast.AST]:
        return list(ast.walk(self.tree))

    @cached_property
    def functions(self) -> list[list[ast.AST]]:
        """The nodes of each outermost function, and last of what stands in none."""
        inside: set[int] = set()
        found = []
        for node in self.nodes:  # from the outside in
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and id(node) not in inside:
                found.append(list(ast.walk(node)))
                inside.update(map(id, found[-1]))
        return [*found, [node for node in self.nodes if id(node) not in inside]]

    @cached_property
    def imported(self) -> list[tuple[list[str], int]]:
        """Every import statement of ours: what it may name, as `from a import b` may name a.b, and its line."""
        return list(_statements(self))

    def is_below(self, *parts: str) -> bool:
        return any(self.name == part or self.name.startswith(f"{part}.") for part in parts)


def sample(code: str, name: str = "stages.sample") -> File:
    """Return a file that a test wrote."""
    return File(name, ast.parse(code), code)


@cache
def files() -> Mapping[str, File]:
    """Return every file below src/noria by its name."""
    found = {}
    for path in sorted(SOURCE.rglob("*.py")):
        names = path.relative_to(SOURCE).with_suffix("").parts
        is_package = names[-1] == "__init__"
        name = ".".join(names[:-1] if is_package else names) or "noria"
        text = path.read_text("utf-8")
        found[name] = File(name, ast.parse(text), text, is_package)
    return found


def parts_below(room: str, among: Mapping[str, File]) -> list[str]:
    """List the names of the files and folders right below a room: the kinds of modalities, the tasks."""
    below = {name.split(".")[1] for name in among if name.startswith(f"{room}.")}
    return sorted(name for name in below if not name.startswith("_"))


def imports(file: File, among: Mapping[str, File]) -> Iterator[tuple[str, int]]:
    """Yield each other module of ours that a statement of the file imports, wherever it stands, and its line."""
    for names, line in file.imported:
        found = dict.fromkeys(name if name in among else name.rpartition(".")[0] for name in names)
        yield from ((name, line) for name in found if name not in ("", "noria", file.name))


def constants(file: File, among: Mapping[str, File]) -> dict[str, ast.AST]:
    """Return what the names in capitals stand for that a file sets or imports: `IMAGE` for "image"."""
    found: dict[str, ast.AST] = {}
    for node in file.tree.body:
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("noria."):
            there = among.get(node.module.removeprefix("noria."))
            theirs = _own_constants(there) if there else {}
            found |= {one.asname or one.name: theirs[one.name] for one in node.names if one.name in theirs}
    return found | _own_constants(file)


def _own_constants(file: File) -> dict[str, ast.AST]:
    set_here = [node for node in file.tree.body if isinstance(node, ast.Assign | ast.AnnAssign) and node.value]
    return {
        target.id: node.value  # type: ignore[misc]
        for node in set_here
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
        if isinstance(target, ast.Name) and target.id.strip("_").isupper()
    }


def texts(node: ast.AST, known: Mapping[str, ast.AST] | None = None) -> Iterator[str]:
    """Yield the texts that stand in an expression, by themselves or under the name of a constant."""
    for one in ast.walk(node):
        if isinstance(one, ast.Name) and known and one.id in known:
            yield from texts(known[one.id])
        elif isinstance(one, ast.Constant) and isinstance(one.value, str):
            yield one.value


def _statements(file: File) -> Iterator[tuple[list[str], int]]:
    for node in file.nodes:
        if isinstance(node, ast.Import):
            found = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] == "import_module":
            found = [one.value for one in node.args if isinstance(one, ast.Constant) and isinstance(one.value, str)]
        else:
            continue
        if ours := [name.removeprefix("noria.") for name in found if name.startswith("noria.")]:
            yield ours, node.lineno
