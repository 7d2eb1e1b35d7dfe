"""The Python of the documents runs as it stands, but for a shorter training, and is the same in both languages."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from docs.markdown import ROOT, blocks

PAGES = ("README.md", "docs/guide.md")
CHINESE = ("README.zh-CN.md", "docs/zh/guide.md")
SHORTER = {"train.minutes=5": "train.steps=4", "train.minutes=1": "train.steps=4"}


def python_of(name: str) -> list[str]:
    """The blocks of Python in a document, but for those that torchrun starts."""
    found = [block for block in blocks((ROOT / name).read_text("utf-8")) if block.language == "python"]
    return [block.text for block in found if block.name != "together.py"]


def code_of(text: str) -> list[str]:
    return [line.partition("  #")[0].rstrip() for line in text.splitlines()]


@pytest.mark.parametrize("pair", list(zip(PAGES, CHINESE, strict=True)))
def test_both_languages_show_the_same_code(pair: tuple[str, str]) -> None:
    english, chinese = ([code_of(text) for text in python_of(name)] for name in pair)
    assert english == chinese
    assert len(english) >= 1


def test_the_examples_run(tmp_path: Path) -> None:
    for package in ("pandas", "polars"):
        pytest.importorskip(package, reason=f"needs {package}")
    write_data(tmp_path)
    env = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    texts = [text for name in PAGES for text in python_of(name)]
    assert len(texts) >= 3
    for text in texts:
        for long, short in SHORTER.items():
            text = text.replace(long, short)
        done = subprocess.run([sys.executable, "-c", text], cwd=tmp_path, env=env, capture_output=True, text=True)
        assert done.returncode == 0, f"{text}\n{done.stderr}"
    assert (tmp_path / "runs" / "flowers" / "report.html").exists()


def write_data(folder: Path) -> None:
    """Write what the documents speak of: photos of flowers, tables of customers."""
    job = next(one for one in blocks((ROOT / "README.md").read_text("utf-8")) if one.name == "flowers.yaml")
    (folder / "flowers.yaml").write_text(job.text, "utf-8")
    generator = np.random.default_rng(0)
    places = [f"flowers/{'rose' if i % 2 else 'daisy'}/{i}.jpg" for i in range(40)]
    for place in [*places, "rose.jpg", "new-photos/1.jpg", "new-photos/2.jpg"]:
        level = 160 if "rose" in place else 60
        pixels = np.clip(generator.normal(level, 9, (32, 32, 3)), 0, 255).astype(np.uint8)
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(folder / place)
    ages = generator.integers(18, 80, 80)
    rows = [f"{age},{'basic' if i % 3 else 'family'},{'yes' if age > 50 else 'no'}" for i, age in enumerate(ages)]
    for name in ("churn.csv", "customers.csv", "last-month.csv", "new.csv"):
        (folder / name).write_text("\n".join(["age,plan,left", *rows]) + "\n")
