"""Benchmarks: every script compiles and says the command that runs it; every job is valid."""

from __future__ import annotations

import ast
import importlib
import json
import re
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from noria.job.load import load_job, shipped_jobs

FOLDER = Path(__file__).parents[1] / "benchmarks"
FILES = sorted(FOLDER.rglob("*.py"))
SHARED = {"measuring.py", "table_folds.py", "soak_clients.py", "soak_questions.py"}  # which the others import
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


def test_folds_keep_together_what_belongs_together_and_share_out_each_class(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(FOLDER))
    folds = importlib.import_module("public_tables").folds
    together, strata = np.arange(400) // 4, np.repeat(["rare", "usual"], [40, 360])
    found = folds(together, strata, 0)
    assert (np.sort(found.reshape(100, 4), 1) == found.reshape(100, 4)[:, :1]).all()
    assert [np.bincount(found[strata == kind]).tolist() for kind in ("rare", "usual")] == [[8] * 5, [72] * 5]
    assert (folds(together, strata, 1) != found).any()


def test_stored_answers_are_scored_in_the_divisions_that_all_have(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.syspath_prepend(str(FOLDER))
    scores = importlib.import_module("table_scores")
    rows, generator = 200, np.random.default_rng(0)
    true = generator.integers(0, 2, rows)
    for repeat in ("", ".1"):
        lines = ["x,answer,fold", *(f"{i},{'yes' if one else 'no'},{i % 5}" for i, one in enumerate(true))]
        (tmp_path / f"toy{repeat}.csv").write_text("\n".join(lines), "utf-8")
    described = {"files": ["toy.csv", "toy.1.csv"], "answer": "answer", "kind": "label", "folds": "fold"}
    (tmp_path / "index.json").write_text(json.dumps({"toy": described}), "utf-8")
    noisy = {"noria": true + generator.normal(0, 0.5, rows), "linear": true + generator.normal(0, 1.0, rows)}
    for name, value in noisy.items():
        for repeat in ("", ".1") if name == "linear" else ("",):
            path = tmp_path / "answers" / name / f"toy{repeat}.json"
            path.parent.mkdir(parents=True, exist_ok=True)
            chances = np.stack([1 - value, value], 1) if repeat == "" else np.full((rows, 2), 0.5)
            stored = {"classes": ["no", "yes"], "probabilities": chances.tolist(), "seconds": [1.0] * 5}
            path.write_text(json.dumps(stored), "utf-8")
    said = scores.report(tmp_path, tmp_path / "answers", ["noria", "linear"])
    first, second = (f"{roc_auc_score(true, noisy[name]):.4g}" for name in ("noria", "linear"))
    assert f"| toy | 200 | AUC | {first} | {second} | +" in said
    assert "| mean rank | | 1 tables | 1.00 | 2.00 | |" in said
