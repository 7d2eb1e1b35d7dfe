"""Questions about texts: SQuAD's files and tables; an answer has a place in its context, or the record is bad."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from noria.errors import UserError
from noria.sources.formats.squad import squad

CONTEXT = "Ada met Ben. Then Ada left for Rome."


def written(path, *asked, context=CONTEXT, title="Ada"):
    qas = [{"id": f"q{i}", "question": "Who?", **one} for i, one in enumerate(asked)]
    path.write_text(json.dumps({"data": [{"title": title, "paragraphs": [{"context": context, "qas": qas}]}]}), "utf-8")
    return path


def answer(text, start):
    return {"text": text, "answer_start": start}


def test_questions_are_records_with_their_accepted_answers(tmp_path, read_all):
    path = written(
        tmp_path / "squad.json",
        {"answers": [answer("Ada", 18), answer("Ada left", 18)]},
        {"answers": [], "is_impossible": True},
        {"answers": [answer("Rome", 0)]},  # it stands there once, and not where it is said to
    )
    source = squad(path)
    records, bad = read_all(source)
    assert source.columns == ["question", "context", "span", "title"]
    assert [values[2] for _, _, values in records] == [
        [{"text": "Ada", "start": 18}, {"text": "Ada left", "start": 18}],
        [],
        [{"text": "Rome", "start": 31}],
    ]
    assert [where for where, _, _ in records] == ["squad.json/q0", "squad.json/q1", "squad.json/q2"]
    assert {values[:2] + values[3:] for _, _, values in records} == {("Who?", CONTEXT, "Ada")}
    assert bad == []


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        ({"answers": [answer("Carla", 3)]}, "does not stand in the context: 'Carla'"),
        ({"answers": [answer("Ada", 3)]}, "stands in the context 2 times: 'Ada'"),
        ({"answers": [answer("  ", 3)]}, "an answer has no text"),
        ({"answers": []}, "has no answer, and is not said to be impossible"),
        ({"answers": "Ada"}, "no list of answers"),
        ({"question": " ", "answers": [answer("Ada", 0)]}, "the question is missing"),
    ],
)
def test_a_question_whose_answer_has_no_place_is_bad(tmp_path, read_all, asked, reason):
    records, bad = read_all(squad(written(tmp_path / "squad.json", {"answers": [answer("Ada", 0)]}, asked)))
    assert len(records) == 1
    assert [flaw.where for flaw in bad] == ["squad.json/q1"]
    assert reason in bad[0].reason


def test_an_accepted_answer_without_a_place_counts_beside_one_that_has_one(tmp_path, read_all):
    path = written(tmp_path / "squad.json", {"answers": [answer("Madam Ada", -1), answer("Ada", 0)]})
    [(_, _, values)], bad = read_all(squad(path))
    assert values[2] == [{"text": "Madam Ada"}, {"text": "Ada", "start": 0}]
    assert bad == []


def test_files_of_a_folder_are_splits_only_where_one_is_for_training(tmp_path, read_all):
    one = {"answers": [answer("Rome", 31)]}
    written(tmp_path / "dev.json", one)
    written(tmp_path / "trial.json", one)
    assert [split for _, split, _ in read_all(squad(tmp_path))[0]] == ["", ""]
    (tmp_path / "trial.json").rename(tmp_path / "train-v2.0.json")
    assert [split for _, split, _ in read_all(squad(tmp_path))[0]] == ["train", "validation"]
    assert read_all(squad(tmp_path / "dev.json"))[0][0][1] == ""


def test_what_is_of_another_form_is_said_so(tmp_path, read_all):
    path = tmp_path / "squad.json"
    path.write_text('{"data": [{"paragraphs": [{"text": "Hi", "qas": [{}]}]}]}', "utf-8")
    with pytest.raises(UserError, match="not of SQuAD's form"):
        read_all(squad(path))
    path.write_text('{"data": [{"paragraphs": ', "utf-8")
    with pytest.raises(UserError, match="not of SQuAD's form"):
        read_all(squad(path))


def test_the_answers_of_a_table_are_found_in_their_contexts(tmp_path, read_all):
    path = tmp_path / "asked.csv"
    path.write_text(
        "question,context,span,source\n"
        f'Where to?,"{CONTEXT}",Rome,a\n'
        f'Why?,"{CONTEXT}",,b\n'
        f'Who left?,"{CONTEXT}",Ada,c\n'
        f'Who?,"{CONTEXT}",Carla,d\n'
        f'Who?,"{CONTEXT}","[{{""text"": ""Ada"", ""start"": 18}}]",e\n',
        "utf-8",
    )
    source = squad(path)
    records, bad = read_all(source)
    assert source.columns == ["question", "context", "source", "span"]
    assert [(values[2], values[3]) for _, _, values in records] == [
        ("a", [{"text": "Rome", "start": 31}]),
        ("b", []),
        ("e", [{"text": "Ada", "start": 18}]),
    ]
    assert [(flaw.where, flaw.reason[:27]) for flaw in bad] == [
        ("asked.csv:4", "the answer stands in the co"),
        ("asked.csv:5", "the answer does not stand i"),
    ]


def test_the_flat_form_of_squad_is_read_as_the_nested_one(tmp_path, read_all):
    path = tmp_path / "asked.jsonl"
    lines = [
        {"question": "Who?", "context": CONTEXT, "answers": {"text": ["Ada"], "answer_start": [18]}},
        {"question": "Why?", "context": CONTEXT, "answers": {"text": [], "answer_start": []}},
        {"question": "Who?", "context": CONTEXT, "answers": [{"text": "Ada", "start": 0}]},
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
    records, bad = read_all(squad(path))
    assert [values[-1] for _, _, values in records] == [
        [{"text": "Ada", "start": 18}],
        [],
        [{"text": "Ada", "start": 0}],
    ]
    assert bad == []


def test_what_has_no_answers_is_left_to_the_other_readers(tmp_path):
    path = tmp_path / "asked.jsonl"
    path.write_text('{"question": "Who?", "context": "Ada."}\n', "utf-8")
    assert squad(path) is None
    with pytest.raises(UserError, match="no such file"):
        squad(tmp_path / "none.json")


@pytest.mark.parametrize(("folder", "count", "num_bad"), [("squad_en", 1190, 0), ("squad_zh", 5411, 2)])
def test_the_real_files_are_read_whole(shared_data, read_all, folder, count, num_bad):
    records, bad = read_all(squad(shared_data / folder), chunk_size=500)
    assert len(records) + len(bad) == count
    assert len(bad) == num_bad
    placed = [(values[1], one) for _, _, values in records for one in values[2] if "start" in one]
    assert len(placed) >= len(records)
    assert all(context[one["start"] :].startswith(one["text"]) for context, one in placed)


def test_columns_of_other_names_are_those_that_the_job_says(tmp_path: Path) -> None:
    path = tmp_path / "asked.csv"
    path.write_text("q,passage,a\nwho,Ada wrote it,Ada\n", "utf-8")
    assert squad(path) is None
    source = squad(path, None, question="q", context="passage", answer="a")
    assert source is not None
    (rows,) = source.rows()
    assert source.columns == ["q", "passage", "a"]
    assert rows.columns["a"] == [[{"text": "Ada", "start": 0}]]


def test_an_encoding_that_is_said_helps_where_none_could_be_guessed(tmp_path, read_all):
    text = "Ада встретила Бена."
    path = written(tmp_path / "squad.json", {"answers": [answer("Ада", 0)]}, context=text)
    path.write_bytes(json.dumps(json.loads(path.read_text("utf-8")), ensure_ascii=False).encode("cp1251"))
    with pytest.raises(UserError, match=r"data\.encoding"):
        squad(path)
    assert [values[1] for _, _, values in read_all(squad(path, "cp1251"))[0]] == [text]


def in_units(texts, word, count):
    return [(text, {"answers": [answer(word, count(text[: text.rindex(word)]))]}) for text in texts]


@pytest.mark.parametrize("unit", ["utf-16-le", "utf-8"])
def test_places_in_other_units_are_told_by_the_answers_for_the_whole_file(tmp_path, read_all, unit):
    size = 2 if unit == "utf-16-le" else 1
    contexts = [f"\U0001f600\U0001f600 Ada, as Ada {i}" for i in range(4)]
    asked = in_units(contexts, "Ada", lambda text: len(text.encode(unit)) // size)
    paragraphs = [{"context": context, "qas": [{"question": "Who?", **one}]} for context, one in asked]
    path = tmp_path / "squad.json"
    path.write_text(json.dumps({"data": [{"paragraphs": paragraphs}]}), "utf-8")
    source = squad(path)
    records, bad = read_all(source)
    assert bad == []
    assert [values[2][0]["start"] for _, _, values in records] == [context.rindex("Ada") for context in contexts]
    assert "by that 4 stretches" in source.notes()[0]

    flat = tmp_path / "flat.jsonl"
    rows = [{"question": "Who?", "context": context, **one} for context, one in asked]
    flat.write_text("".join(json.dumps(one) + "\n" for one in rows), "utf-8")
    source = squad(flat)
    assert [values[-1] for _, _, values in read_all(source)[0]] == [values[2] for _, _, values in records]
    assert "by that 4 stretches" in source.notes()[0]


def test_answers_that_were_found_by_their_text_alone_are_counted(tmp_path, read_all):
    source = squad(written(tmp_path / "squad.json", {"answers": [answer("Rome", 0)]}, {"answers": [answer("Ben", 8)]}))
    for _ in range(2):  # once, however often it is read
        read_all(source)
    assert source.notes() == ["1 answers stand elsewhere than answer_start says, in one place alone, which was taken"]


def test_questions_about_one_article_belong_together_or_those_about_one_context(tmp_path):
    assert squad(written(tmp_path / "squad.json", {"answers": [answer("Ada", 0)]})).groups() == ("title", "context")
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps({"question": "Who?", "context": CONTEXT, "span": "Ben"}), "utf-8")
    assert squad(path).groups() == ["context"]
