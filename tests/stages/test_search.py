"""Search: exactly the nearest, worked out once, nothing dropped in silence, in plain words where it cannot be done."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from noria import cli
from noria.errors import UserError
from noria.model import nearest
from noria.pipeline.predictor import Predictor, load
from noria.pipeline.vector_index import Hit, Index, index
from noria.reporter import Silent
from noria.stages.search import found, search
from noria.store.digests import sealed
from noria.types import Ragged

TEXTS = [f"A dog runs in the snow, {word}." for word in ["high", "low", "12", "77", "345", "red", "blue", "green"]]


@pytest.fixture
def model(trained: Callable[[str], Path]) -> Predictor:
    return load(trained("text-embedding"), "cpu")


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    path = tmp_path / "corpus.csv"
    path.write_text("number,text\n" + "".join(f'{i},"{text}"\n' for i, text in enumerate(TEXTS)), "utf-8")
    return path


class Heard(Silent):
    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, text: str) -> None:
        self.said.append(text)


def test_a_record_is_the_nearest_to_its_own_text_and_stands_where_it_stands(model: Predictor, corpus: Path) -> None:
    for query, hits in zip(TEXTS, search(model, TEXTS, corpus, 3), strict=True):
        assert [hits[0].text, hits[0].where] == [query, f"corpus.csv:{TEXTS.index(query) + 2}"]
        assert hits[0].score == pytest.approx(1, abs=1e-5)
        assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
        assert len(hits) == 3


def test_scores_are_the_cosines_of_the_predictions(model: Predictor, corpus: Path) -> None:
    vectors = {text: np.array(model.predict([{"text": text}])[0].value) for text in [*TEXTS, "snow"]}
    (hits,) = search(model, ["snow"], corpus, 100)
    assert {hit.text for hit in hits} == set(TEXTS)
    for hit in hits:
        assert hit.score == pytest.approx(float(vectors["snow"] @ vectors[hit.text]), abs=1e-4)


@pytest.mark.parametrize("count", [1, 4, 50])
def test_chunks_give_what_one_sort_gives_equal_ones_in_order(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    vectors = np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32).round(0)
    vectors[30] = vectors[2]
    asked = np.random.default_rng(1).normal(size=(6, 3)).astype(np.float32)
    asked[0] = vectors[2]
    whole = Index(vectors, Ragged.of_texts([f"text {i}" for i in range(40)]), [str(i) for i in range(40)])
    expected = [np.argsort(-(row @ vectors.T), kind="stable")[:count].tolist() for row in asked]
    for chunk in (7, 2**16):
        monkeypatch.setattr(nearest, "BLOCK", chunk)
        given = whole.nearest(asked, count)
        assert [[int(hit.where) for hit in hits] for hits in given] == expected
        assert given[0][0].text == f"text {given[0][0].where}"


def test_vectors_are_worked_out_once_until_the_file_changes(
    model: Predictor, corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = search(model, ["snow"], corpus)
    worked: list[int] = []
    outputs = Predictor.outputs
    monkeypatch.setattr(Predictor, "outputs", lambda self, data: worked.append(len(data)) or outputs(self, data))
    assert search(model, ["snow"], corpus) == first
    assert worked == [1]  # the query
    status = corpus.stat()
    corpus.write_text(corpus.read_text("utf-8").replace("red", "RED"), "utf-8")
    os.utime(corpus, ns=(status.st_atime_ns, status.st_mtime_ns + 10**9))
    search(model, ["snow"], corpus)
    assert sorted(worked) == [1, 1, len(TEXTS)]


def test_the_same_weights_that_read_texts_otherwise_have_vectors_of_their_own(
    trained: Callable[[str], Path], corpus: Path, tmp_path: Path
) -> None:
    shutil.copytree(trained("text-embedding") / "bundle", tmp_path / "bundle")
    config = json.loads((tmp_path / "bundle" / "config.json").read_text("utf-8"))
    config["job"]["inputs"] = {"text": {"max_tokens": 4}}
    (tmp_path / "bundle" / "config.json").write_text(json.dumps(sealed(config)), "utf-8")
    whole, cut = (index(load(one, "cpu"), corpus).vectors for one in (trained("text-embedding"), tmp_path / "bundle"))
    assert abs(whole - cut).max() > 1e-3


def test_records_that_cannot_be_used_are_told_of_every_time(model: Predictor, tmp_path: Path) -> None:
    path = tmp_path / "gaps.csv"
    path.write_text('text\nA dog.\n""\nA cat.\n', "utf-8")
    for _ in range(2):
        heard = Heard()
        index(model, path, reporter=heard)
        assert heard.said[-1] == "not searched: 1 records, the first at gaps.csv:3: the text is missing"
    assert len(index(model, path).vectors) == 2


def test_a_text_file_is_searched_line_by_line(model: Predictor, tmp_path: Path) -> None:
    (tmp_path / "lines.txt").write_text('A dog, or two.\n\nA cat; "yes".\nNothing | else\n', "utf-8")
    kept = index(model, tmp_path / "lines.txt")
    assert kept.texts.texts() == ["A dog, or two.", 'A cat; "yes".', "Nothing | else"]
    assert kept.places == ["lines.txt:1", "lines.txt:3", "lines.txt:4"]


def test_the_column_is_that_of_training_or_the_only_one_or_the_one_named(model: Predictor, tmp_path: Path) -> None:
    (tmp_path / "one.csv").write_text("sentence\nA dog.\nA cat.\n", "utf-8")
    (tmp_path / "two.csv").write_text("sentence,other\nA dog.,x\nA cat.,y\n", "utf-8")
    assert index(model, tmp_path / "one.csv").texts.texts() == ["A dog.", "A cat."]
    assert index(model, tmp_path / "two.csv", "other").texts.texts() == ["x", "y"]
    for column, wanted in ((None, "text"), ("othr", "othr")):
        with pytest.raises(UserError, match=f"no column {wanted!r}") as caught:
            index(model, tmp_path / "two.csv", column)
        assert "sentence, other" in caught.value.found


def test_a_model_without_vectors_and_one_with_a_table_are_refused(trained: Callable[[str], Path], corpus: Path) -> None:
    with pytest.raises(UserError, match="gives no vectors"):
        search(trained("text-classification"), ["x"], corpus)
    with pytest.raises(UserError, match="one input"):
        search(trained("tabular-classification"), ["x"], corpus)


def test_a_query_that_is_none_is_named_by_its_number(model: Predictor, corpus: Path) -> None:
    with pytest.raises(UserError, match="missing") as caught:
        search(model, ["a dog", ""], corpus)
    assert caught.value.where == "query 2"


def test_a_source_without_a_usable_record_is_refused_and_leaves_nothing(model: Predictor, tmp_path: Path) -> None:
    path = tmp_path / "empty.csv"
    path.write_text('text,n\n"",1\n"",2\n', "utf-8")
    for _ in range(2):
        with pytest.raises(UserError, match="no usable records"):
            index(model, path)


def test_a_long_record_is_shown_in_one_line() -> None:
    lines = found(["q"], [[Hit(0.5, "a.csv:2", "one\ntwo " + "x" * 500), Hit(0.25, "a.csv:13", "short")]]).splitlines()
    assert lines[0] == "q"
    assert lines[1].startswith("  0.500  a.csv:2   one two xxx")
    assert len(lines[1]) < 230
    assert lines[2] == "  0.250  a.csv:13  short"


def test_the_command_prints_what_the_function_gives(trained: Callable[[str], Path], corpus: Path) -> None:
    def run(*arguments: str) -> Any:
        given = CliRunner().invoke(cli.app, ["search", str(trained("text-embedding")), *arguments])
        assert given.exit_code == 0, given.output
        return given.stdout

    hits = search(trained("text-embedding"), [TEXTS[0], TEXTS[1]], corpus, 2)
    lines = run(TEXTS[0], TEXTS[1], "--data", str(corpus), "-k", "2", "--json").splitlines()
    expected = [[hit.as_json() for hit in one] for one in hits]
    assert [json.loads(line) for line in lines] == [
        {"query": query, "hits": one} for query, one in zip(TEXTS, expected, strict=False)
    ]
    assert run(TEXTS[0], "--data", str(corpus), "-k", "2") == found([TEXTS[0]], hits[:1]) + "\n"
