"""Whatever an error, a note or a document says to set or to run is there to be set and run."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
import typer
from pydantic import BaseModel

from noria.cli import app
from noria.contract import answer_field, registry
from noria.contract.checkpoints import ReadyLoader, loaders
from noria.contract.settings import values_of
from noria.errors import UserError
from noria.job import Job
from noria.job.removed import REMOVED_KEYS
from noria.job.renamed import RENAMED_KEYS
from noria.job.text import parse_override

ROOT = Path(__file__).parents[2]
PLACEHOLDER = "§"  # stands for what an f-string fills in
KEY = re.compile(r"(?<![\w/.-])(?:data|model|train|evaluate|tune|inputs|target)(?:\.[\w§]+)+")
FILE = re.compile(r".*\.(?:py|csv|tsv|npz|yaml|json|onnx|safetensors|bin|db|html|gz|txt)")
COMMAND = re.compile(r"\bnoria (?!is\b)([a-z]+)\b")  # "noria is" stands in a question of an example
OVERRIDE = re.compile(
    r"(?<![\w/.-])((?:data|model|train|evaluate|tune)\.[\w.]+=(?:\{[^}]*\}+|\[[^\]]*\]|[^\s,;:)`'\"]+))"
)
# Methods and attributes of Python that begin like a section, and a key of README that is wrong on purpose.
NO_SETTINGS = {"inputs.§.parameters", "model.answers", "model.chunks", "model.predict", "model.stream", "train.minuts"}


def texts(path: Path) -> Iterator[str]:
    """Yield what a module says, docstrings included; a gap of an f-string is PLACEHOLDER."""
    inside = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.JoinedStr):
            inside |= set(map(id, node.values))
            yield "".join(str(one.value) if isinstance(one, ast.Constant) else PLACEHOLDER for one in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in inside:
            yield node.value


@cache
def said() -> dict[str, list[str]]:
    """Return all texts by the file that they stand in; the log tells of keys as they were."""
    modules = {str(path.relative_to(ROOT)): list(texts(path)) for path in sorted((ROOT / "src/noria").rglob("*.py"))}
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "src/noria/jobs").glob("*.yaml")]
    pages = [page for page in pages if "log" not in page.parts and page.name != "CHANGELOG.md"]
    assert (len(modules), len(pages)) > (300, 50)
    return modules | {str(page.relative_to(ROOT)): [page.read_text("utf-8")] for page in pages}


def leaves(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    for name, field in model.model_fields.items():
        key = prefix + (field.alias or name)
        yield key
        kinds = [field.annotation, *getattr(field.annotation, "__args__", ())]
        for kind in kinds:
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                yield from leaves(kind, f"{key}.")


@cache
def settings() -> frozenset[str]:
    """Return every key that a job of some task can have; the fields of a task stand under their names."""
    found = set(leaves(Job))
    tasks = [registry.task(name) for name in registry.names("tasks")]
    ready = [loader for loader in loaders() if isinstance(loader, ReadyLoader)]
    tasks += [one.task(task) for one in ready for task in tasks if answer_field(task) == one.answer]
    for task in tasks:
        found |= {f"data.fields.{field}" for field in (*task.inputs, answer_field(task))}
        found |= {f"target.{one}" for one in values_of(task.target)}
        for field, modality in task.inputs.items():
            found |= {f"inputs.{field}"} | {f"inputs.{field}.{one}" for one in values_of(modality)}
    return frozenset(found)


def is_there(key: str) -> bool:
    pattern = re.compile(re.sub(rf"{PLACEHOLDER}|\b[A-Z]{{3,}}\b", r"[\\w.]+", re.escape(key)))  # FIELD stands for any
    return key.startswith("model.block_settings.") or any(pattern.fullmatch(one) for one in settings())


def test_every_setting_that_is_named_anywhere_exists() -> None:
    old = {*RENAMED_KEYS, *REMOVED_KEYS}
    missing = {
        (place, key)
        for place, parts in said().items()
        for text in parts
        for key in (one.rstrip(".") for one in KEY.findall(text))
        if not is_there(key) and key not in old | NO_SETTINGS and not FILE.fullmatch(key)
    }
    assert not missing


def test_every_command_that_is_named_anywhere_exists() -> None:
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    missing = {
        (place, found[0])
        for place, parts in said().items()
        for text in parts
        for found in COMMAND.finditer(text)
        if found[1] not in commands
    }
    assert not missing


def test_every_override_that_is_advised_can_be_read() -> None:
    found = [one for parts in said().values() for text in parts for one in OVERRIDE.findall(text)]
    assert len(found) > 30
    for override in found:
        keys, _ = parse_override(override.replace(PLACEHOLDER, "x").replace("...", "b.csv").replace("{{", "{"))
        assert is_there(".".join(keys))


def test_a_setting_that_is_not_there_would_be_found() -> None:
    assert not is_there("model.from_")
    assert not is_there("inputs.table.token_dropout")
    assert is_there("inputs.§.token_dropout")
    assert "model.from_" not in RENAMED_KEYS
    with pytest.raises(UserError):
        parse_override("look at the quarantine")
