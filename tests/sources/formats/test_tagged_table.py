"""Spans of texts as programs write them: what their places count is told by the texts that they name."""

from __future__ import annotations

import json

import pytest

from noria.sources.formats.conll import conll

UTF16 = lambda text: len(text.encode("utf-16-le")) // 2  # noqa: E731
BYTES = lambda text: len(text.encode())  # noqa: E731


def written(path, records):
    path.write_text("".join(json.dumps(one, ensure_ascii=False) + "\n" for one in records), "utf-8")
    return conll(path)


def record(text, word, count, *, is_inclusive=False, own=True):
    start = text.index(word)
    place = {"start": count(text[:start]), "end": count(text[: start + len(word)]) - is_inclusive}
    return {"text": text, "spans": [{**place, "label": "PER", **({"text": word} if own else {})}]}


@pytest.mark.parametrize("count", [len, UTF16, BYTES])
@pytest.mark.parametrize("is_inclusive", [False, True])
def test_what_places_count_is_told_by_the_texts_of_spans(tmp_path, read_all, count, is_inclusive):
    texts = [f"\U0001f600 Größe {i}: Ada Berg \U0001f680 schlief" for i in range(5)]
    records = [record(text, "Ada Berg", count, is_inclusive=is_inclusive) for text in texts]
    records.append(record("\U0001f600é Ada", "Ada", count, is_inclusive=is_inclusive, own=False))
    source = written(tmp_path / "a.jsonl", records)
    found, bad = read_all(source, chunk_size=2)
    assert bad == []
    assert [text[tags[0]["start"] : tags[0]["end"]] for _, _, (text, tags) in found] == [*["Ada Berg"] * 5, "Ada"]
    is_plain = count is len and not is_inclusive
    assert source.notes() == ([] if is_plain else [note for note in source.notes() if note.startswith("places count ")])


def test_a_span_that_is_another_text_than_it_says_is_refused(tmp_path, read_all):
    good = [record(f"\U0001f600 Ada {i}", "Ada", UTF16) for i in range(4)]
    wrong = record("Ada and Ben", "Ben", len)
    wrong["spans"][0]["text"] = "Carla"
    found, bad = read_all(written(tmp_path / "a.jsonl", [*good, wrong]))
    assert len(found) == 4
    assert [one.reason for one in bad] == ["the span from 8 to 11 holds another text than it says: 'Ben', not 'Carla'"]


def test_a_span_whose_text_is_true_in_another_unit_than_the_files_is_what_it_says(tmp_path, read_all):
    records = [record(f"\U0001f600 Ada {i}", "Ada", UTF16) for i in range(4)] + [record("\U0001f600 Ada", "Ada", len)]
    found, bad = read_all(written(tmp_path / "a.jsonl", records))
    assert (len(found), bad) == (5, [])


def test_where_nothing_tells_it_is_said_how_places_were_read(tmp_path, read_all):
    source = written(tmp_path / "a.jsonl", [record("\U0001f600 Ada", "Ada", len, own=False)] * 3)
    read_all(source)
    assert ["emoji" in note for note in source.notes()] == [True]


def test_accents_written_otherwise_are_the_same_text(tmp_path, read_all):
    one = record("Hola Jose\u0301", "Jose\u0301", len)
    one["spans"][0]["text"] = "Jos\u00e9"
    assert read_all(written(tmp_path / "a.jsonl", [one]))[1] == []


def test_spans_in_a_column_of_another_name_are_read_alike(tmp_path, read_all):
    path = tmp_path / "a.jsonl"
    one = record("\U0001f600 Ada slept", "Ada", UTF16)
    path.write_text(json.dumps({"sentence": one["text"], "names": one["spans"], "id": 1}), "utf-8")
    source = conll(path, text="sentence", tags="names")
    assert source.columns == ["sentence", "names", "id"]
    assert read_all(source)[0][0][2] == ("\U0001f600 Ada slept", [{"start": 2, "end": 5, "label": "PER"}], 1)
