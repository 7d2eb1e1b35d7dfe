"""Answers in the order of the records, from every door, in memory that does not grow with the data."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from noria.errors import UserError
from noria.pipeline import encoder
from noria.pipeline.encoder import EncodedChunk
from noria.pipeline.other_data import open_other
from noria.pipeline.predictor import Predictor, load
from noria.reporter import Silent
from noria.stages.train import train
from noria.types import Prediction
from tiny_data import file_of

Trained = Callable[[str], Path]


@pytest.fixture(scope="module")
def diamonds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on a table with a column that is called like the input that takes its columns."""
    folder = tmp_path_factory.mktemp("diamonds")
    rows = [f"{0.2 + i / 50},{50 + i % 9},{300 + 20 * i}" for i in range(60)]
    (folder / "d.csv").write_text("\n".join(["carat,table,price", *rows]) + "\n")
    job = {
        "task": "tabular-regression",
        "data": {"path": str(folder / "d.csv"), "fields": {"number": "price"}},
        "model": {"width": 8, "heads": 1, "depth": 0},
        "train": {"steps": 5, "precision": "float32"},
        "evaluate": {"resamples": 100},
    }
    return train(job, run=folder / "run", reporter=Silent())


def test_a_column_may_be_called_like_the_input(diamonds: Path) -> None:
    model = load(diamonds)
    record = {"carat": 0.5, "table": 55}
    (flat,), (nested,) = model.predict([record]), model.predict([{"table": record}])
    assert flat == nested
    assert flat != model.predict([{**record, "table": 58}])[0]
    with pytest.raises(UserError, match="the field 'carat' is missing"):
        model.predict([{"table": 55}])


def test_records_beyond_a_chunk_are_answered_in_order(diamonds: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = load(diamonds)
    records = [{"carat": 0.2 + i / 10, "table": 50 + i % 3} for i in range(11)]
    whole = model.predict(records)
    monkeypatch.setattr("noria.pipeline.encoder.RECORDS", 4)
    sizes = chunk_sizes(model, monkeypatch)
    assert [one.value for one in model.predict(records)] == pytest.approx([one.value for one in whole], rel=1e-5)
    assert sizes == [4, 4, 3]
    with pytest.raises(UserError, match="record 9"):
        model.predict([{**one, "table": "wide" if i == 9 else 50} for i, one in enumerate(records)])


def chunk_sizes(model: Predictor, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The sizes of the data sets that the model is asked about from now on."""
    sizes: list[int] = []
    plain = model.outputs

    def outputs(dataset: Any) -> Any:
        sizes.append(len(dataset))
        return plain(dataset)

    monkeypatch.setattr(model, "outputs", outputs)
    return sizes


@pytest.mark.parametrize("least", [1, 7])
def test_a_table_is_answered_chunk_by_chunk_and_in_order(
    least: int, diamonds: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [f"{0.2 + i / 50},{'wide' if i % 10 == 3 else 50 + i % 9}{',9' if i % 10 == 6 else ''}" for i in range(20)]
    (tmp_path / "new.csv").write_text("\n".join(["carat,table", *lines]) + "\n")
    monkeypatch.setattr(encoder, "RECORDS", 3)
    model = load(diamonds)
    model.batch_size = least
    sizes = chunk_sizes(model, monkeypatch)
    answers = list(model.answers(model.chunks(tmp_path / "new.csv")))
    assert [one.where for one in answers] == [f"new.csv:{line}" for line in range(2, 22)]
    assert [i for i, one in enumerate(answers) if one.prediction is None] == [3, 6, 13, 16]
    assert max(sizes) <= max(3, least)
    assert "not a number" in answers[3].reason or "wide" in answers[3].reason
    assert "3 cells" in answers[6].reason
    alone = [model.predict([{"carat": 0.2 + i / 50, "table": 50 + i % 9}])[0].value for i in (2, 12, 19)]
    assert [answers[i].prediction.value for i in (2, 12, 19)] == pytest.approx(alone, rel=1e-5)  # type: ignore[union-attr]


def test_an_answer_comes_before_the_next_chunk_is_read(diamonds: Path, tmp_path: Path) -> None:
    (tmp_path / "new.csv").write_text("carat,table\n" + "0.5,50\n" * 40)
    model = load(diamonds)
    source, mapping = open_other(model.bundle, tmp_path / "new.csv")
    read: list[int] = []

    def chunks() -> Iterator[EncodedChunk]:
        for rows in source.rows(10):
            read.append(len(rows))
            yield model.encoder(mapping).chunk(rows)

    answers = model.answers(chunks())
    for place in range(1, 41):
        next(answers)
        assert len(read) == -(-place // 10)


def test_the_answer_that_a_table_holds_is_not_looked_at(trained: Trained, tmp_path: Path) -> None:
    run = trained("image-classification")
    shade = np.full((28, 28), 9, np.uint8)
    for name in ("never seen", "seen"):
        (tmp_path / "in" / name).mkdir(parents=True)
        (tmp_path / "in" / name / "1.png").write_bytes(file_of(shade))
    model = load(run)
    answers = list(model.answers(model.chunks(tmp_path / "in")))
    assert [one.reason for one in answers] == ["", ""]


@pytest.mark.parametrize("name", ["text-generation", "masked-language-modelling"])
def test_columns_that_are_no_input_are_not_answered_as_one(name: str, trained: Trained, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("words,others\n" + "some words,here and there\n" * 40)
    model = load(trained(name))
    with pytest.raises(UserError, match="no column of the data fills an input") as caught:
        list(model.answers(model.chunks(tmp_path / "a.csv")))
    assert caught.value.expected == " or ".join(model.task.inputs)


@pytest.mark.parametrize("name", ["text-classification", "text-generation", "masked-language-modelling", "chat"])
def test_each_line_of_a_text_is_a_record_blank_ones_too(name: str, trained: Trained, tmp_path: Path) -> None:
    lines = ['a "quote, and a comma\tand a tab', "", "two [MASK] words", "the last [MASK] line"]
    (tmp_path / "a.txt").write_text("\n".join(lines), "utf-8")
    model = load(trained(name))
    answers = list(model.answers(model.chunks(str(tmp_path / "a.txt"))))
    assert [one.where for one in answers] == [f"a.txt:{number}" for number in range(1, 5)]
    singles = model.predict(lines, on_bad="skip")
    assert [one.prediction or Prediction(None, reason=one.reason) for one in answers] == singles
    assert singles[3].value is not None


def test_a_text_in_the_format_of_its_task_is_read_as_that(trained: Trained, tmp_path: Path) -> None:
    model = load(trained("token-classification"))
    (tmp_path / "a.txt").write_text("Anna B-PER\nsings O\n\nin O\nRome B-LOC\n\n" * 20)
    assert len(list(model.answers(model.chunks(tmp_path / "a.txt")))) == 40
    (tmp_path / "a.txt").write_text("Anna sings.\nIn Rome?\n" * 20)
    assert [one.where for one in model.answers(model.chunks(tmp_path / "a.txt"))][-1] == "a.txt:40"
    (tmp_path / "a.txt").write_text("Anna\tsings.\nIn\tRome?\n" * 20)  # which training takes for a table
    assert len(list(model.answers(model.chunks(tmp_path / "a.txt")))) == 40


GROWTH_BYTES = 24 * 2**20
TIMES = 4

CHILD = """
import json, resource, sys
from pathlib import Path

from noria.stages.predict import predict_to

def most_bytes():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

run, small, large, out = map(Path, sys.argv[1:])
predict_to(run, [small], out)
before = most_bytes()
said = predict_to(run, [large], out)
print(json.dumps({"growth": most_bytes() - before, "said": said}))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss is in other units elsewhere")
def test_a_table_four_times_larger_than_the_memory_it_may_take_is_answered(diamonds: Path, tmp_path: Path) -> None:
    note, lines = "x" * 8000, 12_600
    small, large = tmp_path / "small.csv", tmp_path / "large.csv"
    for path, count in ((small, 2100), (large, lines)):
        with path.open("w") as file:
            file.write("carat,table,note\n")
            file.writelines(f"{0.2 + i / 5000},{50 + i % 9},{note}\n" for i in range(count))
    assert large.stat().st_size >= TIMES * GROWTH_BYTES
    child = [sys.executable, "-c", CHILD, *map(str, (diamonds, small, large, tmp_path / "out.jsonl"))]
    done = subprocess.run(child, capture_output=True, text=True, check=True)
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["growth"] <= GROWTH_BYTES
    assert told["said"].startswith(f"wrote {lines} answers")
    assert (tmp_path / "out.jsonl").read_bytes().count(b"\n") == lines
