"""CONTRIBUTING.md is followed to the letter: its files are written, its commands are run."""

from __future__ import annotations

import importlib
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from docs.markdown import ROOT, blocks, commands
from noria.contract import registry

TEXT = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
SECTION = TEXT.split("## Add a task in 20 minutes")[1].split("\n## ")[0]
FILES = {block.name: block.text for block in blocks(SECTION) if block.name}


def test_the_section_names_the_files_it_is_about():
    assert list(FILES) == ["src/noria/tasks/image_regression.py", "squares.py", "brightness.yaml", "pyproject.toml"]
    assert len(commands(SECTION)) == 8


def test_the_three_commands_are_those_of_the_makefile():
    first = commands(TEXT.split("## House rules")[0])
    assert first == ["make setup", "make check", "make test"]
    makefile = (ROOT / "Makefile").read_text("utf-8")
    assert all(f"\n{command.split()[1]}:" in makefile for command in first)


def test_a_task_is_added_as_the_text_says(tmp_path):
    root = copy_of_the_repository(tmp_path)
    for name, text in FILES.items():
        if name != "pyproject.toml":
            assert not (root / name).exists(), f"{name} is not a new file"
            (root / name).write_text(text, "utf-8")
    said = {command: run(command, root) for command in commands(SECTION)}
    assert "image-regression" in said["noria list tasks"]
    assert "embed image" in said["noria trace brightness.yaml"]
    metrics = json.loads((root / "runs/brightness/metrics.json").read_text("utf-8"))
    assert {"rmse", "mae", "r2"} <= metrics["metrics"].keys()
    assert metrics["metrics"]["rmse"]["value"] < metrics["baseline"]["rmse"]["value"]
    answer = json.loads(said["noria predict runs/brightness squares/0.png"])
    assert 0 < answer["value"] < 1
    page = (root / "docs/tasks/image-regression.md").read_text("utf-8")
    assert "Say what number belongs to a picture" in page


def test_a_task_of_another_package_is_found_by_its_entry_point(tmp_path, monkeypatch):
    groups = tomllib.loads(FILES["pyproject.toml"])["project"]["entry-points"]
    lines = [
        line for group, found in groups.items() for line in (f"[{group}]", *(f"{k} = {v}" for k, v in found.items()))
    ]
    (tmp_path / "brightness-1.0.dist-info").mkdir()
    (tmp_path / "brightness-1.0.dist-info" / "METADATA").write_text("Name: brightness\nVersion: 1.0\n")
    (tmp_path / "brightness-1.0.dist-info" / "entry_points.txt").write_text("\n".join(lines) + "\n")
    (tmp_path / "brightness").mkdir()
    (tmp_path / "brightness" / "__init__.py").touch()
    module = FILES["src/noria/tasks/image_regression.py"]
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
    ("title", "kind", "members"),
    [
        ("Add a modality", "Modality", 5),
        ("Add a target", "Target", 6),
    ],
)
def test_the_members_in_the_text_are_those_of_the_contract(title, kind, members):
    contract = importlib.import_module("noria.contract.core")
    section = TEXT.split(f"## {title}")[1].split("\n## ")[0]
    rows = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    named = {name for row in rows for name in re.findall(r"`(\w+)", row)}
    assert len(rows) == members
    assert getattr(contract, kind).__abstractmethods__ <= named
    assert named <= getattr(contract, kind).__abstractmethods__ | {"kind", "raw_type"}


def copy_of_the_repository(folder: Path) -> Path:
    """What the walk-through needs: the package and the generator."""
    root = folder / "noria"
    shutil.copytree(ROOT / "src" / "noria", root / "src" / "noria")
    (root / "tools").mkdir()
    shutil.copy(ROOT / "tools" / "docs.py", root / "tools")
    (root / ".venv" / "bin").mkdir(parents=True)
    (root / ".venv" / "bin" / "activate").write_text(f'PATH="{Path(sys.executable).parent}:$PATH"\n')
    return root


def run(command: str, root: Path) -> str:
    """Run a command in a shell where the virtual environment is active and the copy is what is imported."""
    environment = {**os.environ, "PYTHONPATH": str(root / "src"), "OMP_NUM_THREADS": "1"}
    line = f". .venv/bin/activate && {command}"
    done = subprocess.run(["sh", "-c", line], cwd=root, env=environment, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout
