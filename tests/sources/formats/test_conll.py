"""Texts with labelled stretches: CoNLL files and what says the same; every stretch is its tokens again."""

from __future__ import annotations

import json

import pytest

from noria.errors import UserError
from noria.sources.formats.conll import conll
from noria.sources.formats.tagged_table import joined

ENGLISH = """-DOCSTART- -X- O O

Ada NNP B-NP B-PER
Lovelace NNP I-NP I-PER
sleeps VBZ B-VP O
. . O O

Rome NNP B-NP B-LOC
"""
CHINESE = "王\tB-PER\n明\tI-PER\n去\tO\n北\tB-LOC\n京\tI-LOC\n\n我\tO\n"


def found(values):
    text, tags = values[:2]
    return [(text[one["start"] : one["end"]], one["label"]) for one in tags]


def test_sentences_are_texts_with_stretches(tmp_path, read_all):
    path = tmp_path / "names.conll"
    path.write_text(ENGLISH, "utf-8")
    records, bad = read_all(conll(path))
    assert [(where, values[0], found(values)) for where, _, values in records] == [
        ("names.conll:3", "Ada Lovelace sleeps .", [("Ada Lovelace", "PER")]),
        ("names.conll:8", "Rome", [("Rome", "LOC")]),
    ]
    assert bad == []


def test_chinese_stands_without_spaces(tmp_path, read_all):
    path = tmp_path / "names.txt"
    path.write_text(CHINESE.replace("\n", "\r\n"), "utf-8")
    records, _ = read_all(conll(path))
    assert [(values[0], found(values)) for _, _, values in records] == [
        ("王明去北京", [("王明", "PER"), ("北京", "LOC")]),
        ("我", []),
    ]


def test_a_space_stands_between_tokens_of_words_only():
    assert joined(["I", "like", "北", "京", "2008", "奥", "OK", "!"]) == (
        "I like北京2008奥OK !",
        [0, 2, 6, 7, 8, 12, 13, 16],
    )


def test_the_split_is_a_word_of_the_name(tmp_path, read_all):
    for name in ("eng.train.conll", "eng.dev.conll", "eng.test.conll"):
        (tmp_path / name).write_text(ENGLISH, "utf-8")
    (tmp_path / "readme.txt").write_text("Names of people.\n", "utf-8")
    source = conll(tmp_path)
    assert [split for _, split, _ in read_all(source)[0]] == ["train"] * 2 + ["validation"] * 2 + ["test"] * 2
    assert any("readme.txt" in note for note in source.notes())


@pytest.mark.parametrize(
    ("line", "reason"),
    [("alone", "line 2 has no token and tag"), ("Ada X-PER", "'X-PER' is no tag"), ("Ada B", "'B' is no tag")],
)
def test_a_sentence_with_a_broken_line_is_bad(tmp_path, read_all, line, reason):
    path = tmp_path / "names.conll"
    path.write_text(f"Ada B-PER\n{line}\n\n" + "Rome B-LOC\n\n" * 20, "utf-8")
    records, bad = read_all(conll(path), chunk_size=3)
    assert len(records) == 20
    assert [flaw.where for flaw in bad] == ["names.conll:1"]
    assert reason in bad[0].reason


def test_json_with_tokens_or_with_spans_says_the_same(tmp_path, read_all):
    tokens, spans = tmp_path / "tokens.jsonl", tmp_path / "spans.jsonl"
    tokens.write_text(
        json.dumps({"tokens": ["Ada", "slept", "."], "tags": ["B-PER", "O", "O"], "id": 1}) + "\n", "utf-8"
    )
    one = {"text": "Ada slept .", "spans": [{"start": 0, "end": 4, "label": "PER"}], "id": 1}  # with a space at its end
    spans.write_text(json.dumps(one) + "\n", "utf-8")
    expected = ("Ada slept .", [{"start": 0, "end": 3, "label": "PER"}], 1)
    for path in (tokens, spans):
        assert [values for _, _, values in read_all(conll(path))[0]] == [expected]


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ({"tokens": ["Ada"], "tags": []}, "as many tags"),
        ({"tokens": ["Ada"], "tags": [1]}, "and not numbered"),
        ({"tokens": ["Ada", ""], "tags": ["O", "O"]}, "must be texts"),
        ({"text": "Ada", "spans": [{"start": 0, "end": 4, "label": "PER"}]}, "the span from 0 to 4"),
        ({"text": "Ada ", "spans": [{"start": 3, "end": 4, "label": "PER"}]}, "holds nothing"),
        ({"text": "Ada", "spans": [{"start": 0, "end": 3}]}, "needs start, end and label"),
        ({"text": "Ada", "spans": None}, "expected a list of spans"),
        ({"text": " ", "spans": []}, "the text is missing"),
    ],
)
def test_a_record_that_does_not_fit_is_bad(tmp_path, read_all, record, reason):
    path = tmp_path / "names.jsonl"
    path.write_text(json.dumps(record) + "\n", "utf-8")
    records, bad = read_all(conll(path))
    assert records == []
    assert [flaw.where for flaw in bad] == ["names.jsonl:1"]
    assert reason in bad[0].reason


def test_what_has_no_tags_is_left_to_the_other_readers(tmp_path):
    path = tmp_path / "lines.jsonl"
    path.write_text('{"text": "Ada"}\n', "utf-8")
    assert conll(path) is None
    plain = tmp_path / "plain.txt"
    plain.write_text("Ada slept. O\nIt was late.\n" * 5, "utf-8")
    assert conll(plain) is None
    with pytest.raises(UserError, match="no such file"):
        conll(tmp_path / "none.conll")
