"""Columns of running text: learnt by their words beside numbers and categories, read one by one as in training."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import noria
from noria.checks.modality import check_modality
from noria.contract import dispatch
from noria.errors import UserError
from noria.job.load import load_job
from noria.modalities.table import Table
from noria.modalities.table.cells import ABSENT, RARE
from noria.modalities.table.text_embedder import SCALE
from noria.stages.prepare import prepare
from noria.types import as_tensors

WORDS = ("lovely", "spotless", "friendly", "dirty", "noisy", "rude")
REVIEWS = [f"the room {i} was quite {WORDS[i % 6]} and {WORDS[(i + 3 * (i % 2)) % 6]}" for i in range(60)]
COLUMNS: dict[str, list[Any]] = {
    "price": [str(i * 7 % 41 + 0.5) for i in range(60)],
    "review": REVIEWS,
    "city": ["Bonn", "Oslo", "Rome"] * 20,
    "评论": [f"这家酒店的第{i}个房间很{'干净' if i % 2 else '吵闹'}，服务也很好" for i in range(60)],
}


@pytest.mark.parametrize("stem", ["members", "columns"])
def test_a_table_with_texts_keeps_the_contract(stem: Any) -> None:
    check_modality(Table(stem=stem), COLUMNS)


def test_texts_are_guessed_and_can_be_said() -> None:
    assert Table().fit(COLUMNS)["kinds"] == {"price": "number", "review": "text", "city": "category", "评论": "text"}
    state = Table(kinds={"city": "text", "review": "ignore", "评论": "ignore"}).fit(COLUMNS)
    assert list(state["texts"]) == ["city"]


def test_a_table_without_texts_is_prepared_as_before() -> None:
    table, columns = Table(), {name: COLUMNS[name] for name in ("price", "city")}
    state = table.fit(columns)
    assert "texts" not in state
    assert set(table.encode(columns, state).arrays) == {"numbers", "categories"}


def test_an_empty_cell_is_missing_and_one_of_unknown_words_is_told_apart_from_it() -> None:
    table = Table(kinds={"review": "text"})
    state = table.fit(COLUMNS)
    cells = ["", None, "缺失", "Жжж щщщ", REVIEWS[0]]
    places = table.encode({name: [values[0]] * 5 for name, values in COLUMNS.items()} | {"review": cells}, state)
    rows = [places.arrays["text0"][i].tolist() for i in range(5)]
    assert rows[:4] == [[ABSENT], [ABSENT], [ABSENT], [RARE]]
    assert min(rows[4]) > ABSENT
    assert not places.bad


def test_a_row_is_shown_as_it_was_given() -> None:
    table = Table()
    state = table.fit(COLUMNS)
    arrays = {name: one[1] for name, one in table.encode(COLUMNS, state).arrays.items()}
    assert table.display(arrays, state)["review"] == REVIEWS[1]
    empty = table.encode({name: [""] for name in COLUMNS}, state).arrays
    assert table.display({name: one[0] for name, one in empty.items()}, state)["review"] is None


def test_a_column_in_which_no_two_cells_share_a_word_is_refused_and_the_advice_works() -> None:
    columns = {"a": [chr(0x4E00 + i) for i in range(40)], "b": ["x", "y"] * 20}
    with pytest.raises(UserError, match="column 'a' holds no text that can be learnt from") as caught:
        Table(kinds={"a": "text"}).fit(columns)
    assert caught.value.fix == "give 'inputs.table.kinds={a: ignore}'"
    assert Table(kinds={"a": "ignore"}).fit(columns)["kinds"]["a"] == "ignore"


def test_how_a_text_is_read_is_told() -> None:
    table = Table()
    state = table.fit(COLUMNS)
    remarks = dispatch.remarks(table, state)
    assert remarks[0] == (
        "column 'review' is read as text, by words and their parts; to leave it out: "
        "'inputs.table.kinds={review: ignore}'"
    )
    panel = dispatch.reading(table, state)
    assert panel is not None
    row = next(row for row in panel.data["rows"] if row[0] == "review")
    assert row[1:3] == ["text", "words and runs of characters"]
    assert row[3].startswith("11 words, ")


def test_what_names_each_record_is_advised_to_be_kept_as_text_and_that_works() -> None:
    columns = {"name": [f"Mr. Person{i}" for i in range(40)], "age": [str(i % 23) for i in range(40)]}
    (remark,) = dispatch.remarks(Table(), Table().fit(columns))
    assert remark.endswith("to keep it: 'inputs.table.kinds={name: text}'")
    assert Table(kinds={"name": "text"}).fit(columns)["kinds"]["name"] == "text"


def test_new_texts_of_no_known_word_are_drift() -> None:
    table = Table()
    state = table.fit(COLUMNS)
    new = COLUMNS | {"review": ["Жжж щщщ"] * 30 + REVIEWS[:30], "评论": [""] * 60}
    meter = table.drift_meter(state)
    meter.see(new, table.encode(new, state).arrays)
    assert meter.sentences() == [
        "review: 30 of 60 values hold no word known from training (as 'Жжж щщщ')",
        "评论: 60 of 60 values missing",
    ]
    same = table.drift_meter(state)
    same.see(COLUMNS, table.encode(COLUMNS, state).arrays)
    assert same.sentences() == []


def test_the_vector_of_a_text_does_not_grow_with_its_length() -> None:
    table = Table(stem="columns")
    state = table.fit(COLUMNS)
    embedder = table.embedder(state, 16).eval()
    bag = embedder.texts.columns[0]  # type: ignore[union-attr, index]
    with torch.no_grad():
        bag.table.fill_(1.0)
        bag.offset.zero_()
    long = COLUMNS | {"review": [" ".join(REVIEWS)] * 60}
    for columns in (COLUMNS, long):
        arrays = table.encode(columns, state).arrays
        count = arrays["text0"].lengths[0]
        feature = float(embedder(as_tensors(arrays, np.arange(2), "cpu")).features[0, 2, 0].detach())
        assert 0.5 * count**0.5 < feature / SCALE <= count**0.5  # their sum over their length


def table_file(path: Path, columns: dict[str, list[Any]]) -> Path:
    rows = [",".join(map(str, row)) for row in zip(*columns.values(), strict=True)]
    path.write_text("\n".join([",".join(columns), *rows]), "utf-8")
    return path


def test_what_stands_in_a_text_alone_is_learnt_and_one_row_is_answered_as_many_are(tmp_path: Path) -> None:
    reviews = REVIEWS * 4
    columns: dict[str, list[Any]] = {
        "price": [i * 7 % 41 + 0.5 for i in range(240)],
        "review": [f"{text} {i}" for i, text in enumerate(reviews)],
        "label": ["bad" if "dirty" in text or "rude" in text else "good" for text in reviews],
    }
    path = table_file(tmp_path / "a.csv", columns)
    quick = ["train.epochs=12", "train.learning_rate=0.03", "inputs.table.members=2", "inputs.table.hidden=32"]
    run = noria.train(path, ["label=label", *quick], run=tmp_path / "run")
    model = noria.load(run)
    rows = [{name: columns[name][i] for name in ("price", "review")} for i in range(12)]
    together = model.predict(rows)
    assert [one.value for one in together] == columns["label"][:12]
    for one, row in zip(together, rows, strict=True):
        (alone,) = model.predict([row])
        assert (alone.value, alone.confidence) == (one.value, pytest.approx(one.confidence, abs=1e-4))


def test_rows_of_texts_alone_are_not_called_nearly_the_same(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    words = np.array([f"w{i}" for i in range(400)])
    columns: dict[str, list[Any]] = {
        name: [" ".join(generator.choice(words, 12)) for _ in range(200)] for name in ("title", "body")
    }
    path = table_file(tmp_path / "a.csv", columns | {"label": ["a", "b"] * 100})
    found = prepare(*load_job(path, ["label=label"]))
    assert not [line for line in found.report["warnings"] if "nearly the same" in line]


def test_settings_beside_texts_leave_them_as_they_are() -> None:
    table = Table()
    state = table.fit(COLUMNS)
    other = replace(table, bins=7).fit(COLUMNS)
    np.testing.assert_array_equal(state["texts"]["review"]["keys"], other["texts"]["review"]["keys"])


def test_half_of_a_character_in_a_text_is_read_as_another_text_is() -> None:
    table = Table()
    state = table.fit(COLUMNS)
    encoded = table.encode(
        {name: [f"{column[0]}\ud800" if name == "review" else column[0]] for name, column in COLUMNS.items()}, state
    )
    assert encoded.bad == {}
