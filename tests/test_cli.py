"""The command line: what a person types, and what comes back."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer

from noria import cli
from noria.contract import registry
from noria.job.load import shipped_jobs
from noria.pipeline.predictor import load
from tiny_data import png, tiny_file, tiny_job

COMMANDS = sorted(typer.main.get_command(cli.app).commands)  # type: ignore[attr-defined]
Run = Callable[..., "tuple[int, str, str]"]


def test_help_lists_every_command(noria: Run) -> None:
    code, out, _ = noria("--help")
    assert code == 0
    assert len(COMMANDS) >= 9
    for name in COMMANDS:
        assert f"\n  {name} " in out


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(name: str, noria: Run) -> None:
    code, out, _ = noria(name, "--help")
    assert code == 0
    assert f"noria {name}" in out
    command = typer.main.get_command(cli.app).commands[name]  # type: ignore[attr-defined]
    assert command.help.splitlines()[0].split()[0] in out


@pytest.mark.parametrize("words", [["list"], ["list", "task", "image-classification"]])
def test_the_installed_command_starts_without_torch(words: list[str]) -> None:
    code = f"import sys; sys.argv = ['noria', *{words}]\nfrom noria.cli import main\ntry:\n    main()\nfinally:\n"
    code += "    print('torch' in sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0
    assert "image-classification" in done.stdout
    assert done.stderr.strip() == "False"


def test_a_bad_job_leaves_with_2_and_says_what_where_and_how_to_mend_it(noria: Run, tmp_path: Path) -> None:
    path = tmp_path / "job.yaml"
    path.write_text("task: image-classification\ntrain:\n  epocs: 3\n", "utf-8")
    for command in ("train", "prepare", "trace", "tune"):
        code, out, err = noria(command, path)
        assert code == 2
        assert out == ""
        assert err.startswith("error: ")
        assert "unknown key" in err
        assert "job.yaml:3 train.epocs" in err
        assert "did you mean 'epochs'?" in err
        assert "Traceback" not in err


@pytest.mark.parametrize(
    "words",
    [
        ["train", "digitz"],
        ["predict", "no-run", "a.png"],
        ["evaluate", "no-run"],
        ["list", "taks"],
        ["export", "no-run"],
    ],
)
def test_what_is_not_there_leaves_with_2(words: list[str], noria: Run) -> None:
    code, out, err = noria(*words)
    assert (code, out) == (2, "")
    assert err.startswith("error: ")


def test_a_job_that_cannot_begin_leaves_no_folder(noria: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for words in (["train", "digitz"], ["train", "digitz", "--run", "runs/a", "--resume"], ["tune", "digitz"]):
        assert noria(*words)[0] == 2
    assert not any((tmp_path / "runs").iterdir())


def test_an_unknown_command_and_an_unknown_option_leave_with_2(noria: Run) -> None:
    assert noria("trian")[0] == 2
    assert noria("train", "demo", "--fast")[0] == 2


def test_list_names_everything_there_is(noria: Run) -> None:
    code, out, _ = noria("list")
    assert code == 0
    names = [*shipped_jobs(), *(name for kind in ("tasks", "modalities", "targets") for name in registry.names(kind))]  # type: ignore[arg-type]
    assert len(names) >= 12
    for name in names:
        assert f"\n  {name} " in out, name
    assert noria("list", "jobs")[1].startswith("jobs\n")
    assert "image-classification" not in noria("list", "targets")[1]


def test_trace_needs_no_data(noria: Run) -> None:
    code, out, _ = noria("trace", "digits")
    assert code == 0
    assert out.startswith("step ")
    code, out, _ = noria("trace", "digits", "--json")
    assert {"name", "what", "shape", "milliseconds"} == json.loads(out)[0].keys()


def test_train_prepare_and_their_json(noria: Run, tmp_path: Path) -> None:
    from noria.job.load import load_job

    job = tmp_path / "job.yaml"
    load_job(tiny_job("tabular-regression", tmp_path))[0].save(job)
    code, out, _ = noria("prepare", job, "--json")
    assert code == 0
    assert json.loads(out)["fingerprint"]
    code, out, _ = noria("train", job, "--run", tmp_path / "run", "--json")
    assert code == 0
    assert json.loads(out)["run"] == str(tmp_path / "run")
    code, out, err = noria("train", job, "--run", tmp_path / "run")
    assert code == 2
    assert "run" in err


def test_train_on_a_table_alone(noria: Run, tmp_path: Path) -> None:
    path = tiny_file(registry.task("tabular-classification"), tmp_path)
    code, _, err = noria("train", path)
    assert code == 2
    assert "expected: label=COLUMN or labels=COLUMN or number=COLUMN" in err
    words = ["label=label", "train.steps=4", "model.width=16", "evaluate.resamples=100"]
    code, out, _ = noria("train", path, *words, "--run", tmp_path / "run")
    assert code == 0
    assert "accuracy" in out
    assert (tmp_path / "run" / "report.html").exists()


def test_predict_on_a_picture_prints_a_line_of_json(noria: Run, trained: Callable[[str], Path], tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png(np.full((28, 28), 9, np.uint8)))
    code, out, _ = noria("predict", trained("image-classification"), tmp_path / "a.png", tmp_path / "a.png")
    assert code == 0
    answers = [json.loads(line) for line in out.splitlines()]
    assert len(answers) == 2
    assert answers[0].keys() >= {"where", "value", "confidence"}


def test_predict_on_a_table_writes_json_lines_and_csv(
    noria: Run, trained: Callable[[str], Path], tmp_path: Path
) -> None:
    run = trained("tabular-classification")
    path = tiny_file(load(run).task, tmp_path / "data", count=9, seed=5)
    formula = path.rename(path.with_name("=cmd.csv"))
    assert noria("predict", run, formula, "--out", tmp_path / "a.jsonl")[:2] == (
        0,
        f"wrote 9 answers to {tmp_path / 'a.jsonl'}\n",
    )
    lines = [json.loads(line) for line in (tmp_path / "a.jsonl").read_text("utf-8").splitlines()]
    assert noria("predict", run, formula, "--out", tmp_path / "a.csv")[0] == 0
    with (tmp_path / "a.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [one["value"] for one in rows] == [one["value"] for one in lines]
    assert [one["where"] for one in rows] == [f"'{one['where']}" for one in lines]
    assert rows[0]["where"] == "'=cmd.csv:2"


def test_evaluate_on_another_file(noria: Run, trained: Callable[[str], Path], tmp_path: Path) -> None:
    run = trained("tabular-classification")
    path = tiny_file(load(run).task, tmp_path, count=11, seed=6)
    code, out, _ = noria("evaluate", run, "--data", path, "--json")
    assert code == 0
    found: dict[str, Any] = json.loads(out)
    assert found["n"] == 11
    assert found["split"] == "records.csv"
    code, out, _ = noria("evaluate", run, "--data", path)
    assert out.startswith("scores on records.csv, 11 records")
    code, out, _ = noria("evaluate", run, "--json")
    assert json.loads(out) == json.loads((run / "metrics.json").read_text("utf-8"))
