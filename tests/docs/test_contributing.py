"""CONTRIBUTING.md is followed to the letter: its files are written, its commands are run."""

from __future__ import annotations

import csv
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from docs.markdown import ROOT, blocks, commands
from noria.contract import (
    Modality,
    Target,
    modality_capabilities,
    registry,
    shared_capabilities,
    target_capabilities,
    task_capabilities,
)
from noria.contract.source import Source
from noria.pipeline.predictor import load
from noria.service.asking.operation import Operation
from noria.service.dialects.all import DIALECTS
from service.dialect import error_of, reply, request, view_of

GOLDEN = ROOT / "tests" / "golden"
TEXT = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
TASK, MODALITY, TARGET, SOURCE = "Add a task in 20 minutes", "Add a modality", "Add a target", "Add a source"
DIALECT = "Add a way of asking"


def section(title: str) -> str:
    return TEXT.split(f"\n## {title}\n")[1].split("\n## ")[0]


def files(title: str) -> dict[str, str]:
    """Return the files that a section has in full, by their names."""
    return {block.name: block.text for block in blocks(section(title)) if block.name}


NAMED = {
    TASK: ["src/noria/tasks/image_regression.py", "squares.py", "brightness.yaml", "pyproject.toml"],
    MODALITY: ["src/noria/modalities/bits.py", "src/noria/tasks/bits_classification.py", "bits.py", "bits.yaml"],
    TARGET: ["src/noria/targets/rating.py", "src/noria/tasks/tabular_rating.py", "dinners.py", "dinners.yaml"],
    SOURCE: ["src/noria/sources/formats/arff.py", "petals.py", "petals.yaml"],
    DIALECT: ["src/noria/service/dialects/lines.py"],
}


@pytest.mark.parametrize(("title", "count"), [(TASK, 8), (MODALITY, 4), (TARGET, 4), (SOURCE, 3), (DIALECT, 2)])
def test_a_section_names_the_files_it_is_about(title, count):
    assert list(files(title)) == NAMED[title]
    assert len(commands(section(title))) == count


def test_the_three_commands_are_those_of_the_makefile():
    first = commands(TEXT.split("## House rules")[0])
    assert first == ["make setup", "make check", "make test"]
    makefile = (ROOT / "Makefile").read_text("utf-8")
    assert all(f"\n{command.split()[1]}:" in makefile for command in first)


def test_a_task_is_added_as_the_text_says(tmp_path):
    root, said = followed(TASK, tmp_path)
    assert "image-regression" in said["noria list tasks"]
    assert "embed image" in said["noria trace brightness.yaml"]
    assert {"rmse", "mae", "r2"} <= scores(root, "brightness")["metrics"].keys()
    assert_beats_the_baseline(root, "brightness", "rmse")
    answer = json.loads(said["noria predict runs/brightness squares/0.png"])
    assert 0 < answer["value"] < 1
    page = (root / "docs/tasks/image-regression.md").read_text("utf-8")
    assert "Say what number belongs to a picture" in page


def test_a_modality_is_added_as_the_text_says(tmp_path):
    root, said = followed(MODALITY, tmp_path)
    assert "Longest value in bits" in said["noria list modality bits"]
    assert_beats_the_baseline(root, "bits", "accuracy")


def test_a_target_is_added_as_the_text_says(tmp_path):
    root, _ = followed(TARGET, tmp_path)
    assert_beats_the_baseline(root, "dinners", "steps_off")
    with (root / "answers.csv").open(newline="") as file:
        answers = [row["value"] for row in csv.DictReader(file)]
    assert len(answers) == 300
    assert set(answers) <= {"1.0", "2.0", "3.0", "4.0", "5.0"}


def test_a_source_is_added_as_the_text_says(tmp_path):
    root, said = followed(SOURCE, tmp_path)
    assert "table: columns petal length (number), width (number)" in said["noria prepare petals.yaml"]
    assert "1 could not be used" in said["noria prepare petals.yaml"]
    lines = (root / "runs/petals/quarantine.jsonl").read_text("utf-8").splitlines()
    assert [json.loads(line)["where"] for line in lines] == ["petals.arff:7"]
    assert_beats_the_baseline(root, "petals", "accuracy")
    (root / "petals.docx").touch()
    refused = run("noria prepare petals.yaml data.path=petals.docx", root, returncode=2)
    assert ".npz, .arff, .conll, .dat, .inter, .mol, .sdf, .smi, .zip" in refused


def test_a_way_of_asking_is_added_as_the_text_says(tmp_path):
    path = tmp_path / "lines.py"
    path.write_text(files(DIALECT)["src/noria/service/dialects/lines.py"], "utf-8")
    spec = importlib.util.spec_from_file_location("lines", path)
    assert spec is not None
    assert spec.loader is not None
    lines = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(lines)
    (operation,) = lines.OPERATIONS
    view = view_of(load(GOLDEN / "text-classification"))
    assert operation.is_offered(view)
    assert not operation.is_offered(view_of(load(GOLDEN / "tabular-classification")))
    texts = ["a good day", "a bad one"]
    got = reply(operation, request("\n".join(texts).encode(), content_type="text/plain"), view)
    assert got.body.decode().splitlines() == [one.value for one in view.predictor.predict([{"text": t} for t in texts])]
    assert "UTF-8" in error_of(reply(operation, request(b"\xff", content_type="text/plain"), view))
    assert error_of(reply(operation, request({"text": "a"}), view))


def test_the_members_of_a_way_of_asking_are_those_of_an_operation():
    rows = [line.split("|")[1] for line in section(DIALECT).splitlines() if line.startswith("| `")]
    named = {name for row in rows for name in re.findall(r"`(\w+)", row)}
    public = {name for name in {*vars(Operation), *Operation.__annotations__} if not name.startswith("_")}
    assert named | {"aliases", "verb", "method"} == public
    every = f"DIALECTS = ({', '.join(one.__name__.rpartition('.')[2] for one in DIALECTS)}, lines)"
    assert every in section(DIALECT)


def test_all_capabilities_are_named():
    kinds = {
        TASK: [task_capabilities],
        MODALITY: [modality_capabilities, shared_capabilities],
        TARGET: [target_capabilities],
    }
    for title, modules in kinds.items():
        named = set(re.findall(r"`(\w+)`", section(title)))
        found = {
            name
            for module in modules
            for name, one in vars(module).items()
            if isinstance(one, type) and one.__module__ == module.__name__ and not getattr(one, "_is_protocol", False)
        }
        assert len(found) >= 8
        assert found - {"DriftMeter"} <= named, found - named  # which is no capability: what DetectsDrift returns


def test_a_task_of_another_package_is_found_by_its_entry_point(tmp_path, monkeypatch):
    groups = tomllib.loads(files(TASK)["pyproject.toml"])["project"]["entry-points"]
    lines = [
        line for group, found in groups.items() for line in (f"[{group}]", *(f"{k} = {v}" for k, v in found.items()))
    ]
    (tmp_path / "brightness-1.0.dist-info").mkdir()
    (tmp_path / "brightness-1.0.dist-info" / "METADATA").write_text("Name: brightness\nVersion: 1.0\n")
    (tmp_path / "brightness-1.0.dist-info" / "entry_points.txt").write_text("\n".join(lines) + "\n")
    (tmp_path / "brightness").mkdir()
    (tmp_path / "brightness" / "__init__.py").touch()
    module = files(TASK)["src/noria/tasks/image_regression.py"]
    (tmp_path / "brightness" / "image_regression.py").write_text(module, "utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    importlib.invalidate_caches()
    try:
        assert "image-regression" in registry.names("tasks")
        assert type(registry.task("image-regression")).__module__ == "brightness.image_regression"
    finally:
        for name in ("brightness", "brightness.image_regression"):
            sys.modules.pop(name, None)


@pytest.mark.parametrize(
    ("title", "contract", "members", "facts"),
    [
        (MODALITY, Modality, 5, {"kind", "raw_type"}),
        (TARGET, Target, 6, {"kind"}),
        (SOURCE, Source, 4, {"columns"}),
    ],
)
def test_the_members_in_the_text_are_those_of_the_contract(title, contract, members, facts):
    rows = [line.split("|")[1] for line in section(title).splitlines() if line.startswith("| `")]
    assert len(rows) == members
    assert {name for row in rows for name in re.findall(r"`(\w+)", row)} == contract.__abstractmethods__ | facts


def followed(title: str, folder: Path) -> tuple[Path, dict[str, str]]:
    """Write a section's files into a copy of the repository and run its commands there; return what each said.

    Nothing else may be needed: the files are new ones, and no other file of the package is changed.
    """
    root = copy_of_the_repository(folder)
    before = package(root)
    new = {name: text for name, text in files(title).items() if name != "pyproject.toml"}
    for name, text in new.items():
        assert not (root / name).exists(), f"{name} is not a new file"
        (root / name).write_text(text, "utf-8")
    said = {command: run(command, root) for command in commands(section(title))}
    assert package(root) == before | {name: text.encode() for name, text in new.items() if name.startswith("src/")}
    return root, said


def package(root: Path) -> dict[str, bytes]:
    """Return the files of the package."""
    paths = [path for path in (root / "src").rglob("*") if path.is_file() and path.parent.name != "__pycache__"]
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in paths}


def scores(root: Path, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((root / "runs" / name / "metrics.json").read_text("utf-8"))
    return found


def assert_beats_the_baseline(root: Path, name: str, metric: str) -> None:
    found = scores(root, name)
    model, baseline = found["metrics"][metric]["value"], found["baseline"][metric]["value"]
    is_better = model > baseline if found["metrics"][metric]["direction"] == "higher" else model < baseline
    assert is_better, f"{metric} is {model}, and {baseline} of the baseline"


def copy_of_the_repository(folder: Path) -> Path:
    """What the walk-through needs: the package and the generator."""
    root = folder / "noria"
    shutil.copytree(ROOT / "src" / "noria", root / "src" / "noria")
    (root / "tools").mkdir()
    shutil.copy(ROOT / "tools" / "docs.py", root / "tools")
    (root / ".venv" / "bin").mkdir(parents=True)
    (root / ".venv" / "bin" / "activate").write_text(f'PATH="{Path(sys.executable).parent}:$PATH"\n')
    return root


def run(command: str, root: Path, returncode: int = 0) -> str:
    """Run a command in a shell where the virtual environment is active and the copy is what is imported."""
    environment = {**os.environ, "PYTHONPATH": str(root / "src"), "OMP_NUM_THREADS": "1"}
    line = f". .venv/bin/activate && {command}"
    done = subprocess.run(["sh", "-c", line], cwd=root, env=environment, capture_output=True, text=True, timeout=240)
    assert done.returncode == returncode, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout if returncode == 0 else done.stderr
