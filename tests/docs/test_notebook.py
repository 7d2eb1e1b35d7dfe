"""The notebook of the documents is one that a notebook opens, and its cells run in their order, but for fewer steps."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from docs.markdown import ROOT

NOTEBOOK = ROOT / "docs" / "notebook.ipynb"
SHOWN = """
import json
print(json.dumps({"answer": served["predictions"][0]["value"], "rows": len(table), "columns": [*table.columns]}))
"""


def cells_of(kind: str) -> list[str]:
    content: dict[str, Any] = json.loads(NOTEBOOK.read_text("utf-8"))
    return ["".join(cell["source"]) for cell in content["cells"] if cell["cell_type"] == kind]


def test_it_has_the_form_of_a_notebook_without_outputs() -> None:
    content = json.loads(NOTEBOOK.read_text("utf-8"))
    assert (content["nbformat"], content["nbformat_minor"]) == (4, 5)
    assert len({cell["id"] for cell in content["cells"]}) == len(content["cells"])
    for cell in content["cells"]:
        keys = {"cell_type", "id", "metadata", "source"}
        assert cell.keys() == (keys | {"execution_count", "outputs"} if cell["cell_type"] == "code" else keys)
        assert not cell.get("outputs")
    assert len(cells_of("code")) == 10


def test_every_text_stands_in_both_languages() -> None:
    for text in cells_of("markdown"):
        assert re.search(r"[\u4e00-\u9fff]", text), text
        assert re.search(r"[A-Za-z]{3,} [a-z]{2,}", text), text


def test_its_cells_run_from_a_frame_to_a_served_answer(tmp_path: Path) -> None:
    pytest.importorskip("pandas", reason="needs pandas")
    code = "\n".join(cells_of("code"))
    shorter = re.sub(r"train\.steps=\d+", "train.steps=6", code)
    assert shorter != code
    env = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    words = [sys.executable, "-c", shorter + SHOWN]
    done = subprocess.run(words, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=250)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["answer"] in ("malignant", "benign")
    assert found["rows"] == 89
    assert found["columns"][:3] == ["diagnosis", "value", "confidence"]
    assert {path.name for path in tmp_path.iterdir()} == {"runs", "splits.csv"}
