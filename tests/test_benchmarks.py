"""Benchmarks: every script compiles and says the command that runs it; every job is valid."""

from __future__ import annotations

import ast
import importlib
import re
from pathlib import Path

import pytest

from noria.job.load import load_job, shipped_jobs

FOLDER = Path(__file__).parents[1] / "benchmarks"
FILES = sorted(FOLDER.rglob("*.py"))
SHARED = {"measuring.py", "table_folds.py"}  # which the others import
SCRIPTS = [path for path in FILES if path.name not in SHARED]
JOBS = [*sorted((FOLDER / "jobs").glob("*.yaml")), *shipped_jobs().values()]


def relative(path: Path) -> str:
    return path.name


def test_there_are_scripts_and_jobs() -> None:
    assert len(SCRIPTS) >= 3
    assert len(JOBS) >= 7


@pytest.mark.parametrize("path", FILES, ids=relative)
def test_a_script_compiles_and_imports_only_what_is_there(path: Path) -> None:
    tree = ast.parse(path.read_text("utf-8"))
    compile(tree, str(path), "exec")
    measuring = ast.parse((FOLDER / "measuring.py").read_text("utf-8"))
    there = {node.name for node in measuring.body if isinstance(node, ast.FunctionDef | ast.ClassDef)} | {
        target.id
        for node in measuring.body
        if isinstance(node, ast.Assign)
        for target in node.targets  # type: ignore[attr-defined]
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "measuring":
            assert {alias.name for alias in node.names} <= there
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "noria":
            module = __import__(node.module, fromlist=["x"])
            assert all(hasattr(module, alias.name) for alias in node.names)


@pytest.mark.parametrize("path", SCRIPTS, ids=relative)
def test_a_script_says_the_command_that_runs_it(path: Path) -> None:
    text = ast.get_docstring(ast.parse(path.read_text("utf-8"))) or ""
    commands = re.findall(r"^ *(?:\S+=\S+ )*python (\S+)", text, re.MULTILINE)
    assert commands
    assert {Path(command).name for command in commands} == {path.name}


@pytest.mark.parametrize("path", JOBS, ids=relative)
def test_a_job_is_valid(path: Path) -> None:
    job, task = load_job(path)
    assert job.task
    assert task.inputs


def test_conversations_held_out_are_about_other_paragraphs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(FOLDER))
    lora = importlib.import_module("lora")
    if not (lora.DATA / "squad_en").is_dir():
        pytest.skip("needs XQuAD in ../shared/data")
    talks = lora.talks_of(40, 10)
    about = {split: {one["asked"].rsplit("\n\n", 1)[0] for one in ones} for split, ones in talks.items()}
    assert (len(talks["train"]), len(talks["test"])) == (40, 10)
    assert not about["train"] & about["test"]
