"""What the source says belongs together stays in one split: conversations, articles, documents."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from noria.job.data import Split
from noria.job.load import load_job
from noria.pipeline.prepared import Prepared
from noria.preparation.division import divide
from noria.stages.prepare import prepare
from noria.types import Rows

SAID = "stay in one split"


def prepared(job: dict[str, Any], *overrides: str) -> Prepared:
    return prepare(*load_job(job, list(overrides)))


def sides(found: Prepared, name_of: Any) -> dict[str, set[str]]:
    """Return the splits that the records of each group are in."""
    where: dict[str, set[str]] = {}
    for split, dataset in found.splits.items():
        for place in dataset.wheres():
            where.setdefault(name_of(place), set()).add(split)
    return where


def line_of(place: str) -> str:
    return place.rpartition(":")[2]


def talks(path: Path, count: int, opening: str = "question") -> dict[str, Any]:
    def said(talk: int, turn: int) -> list[dict[str, str]]:
        asked = opening if turn == 0 else f"question {turn} of {talk}"
        return [{"role": "user", "content": asked}, {"role": "assistant", "content": f"answer {turn} of {talk}"}]

    messages = [[one for turn in range(4) for one in said(talk, turn)] for talk in range(count)]
    path.write_text("".join(json.dumps({"messages": one}) + "\n" for one in messages), "utf-8")
    return {"task": "chat", "data": {"path": str(path)}}


@pytest.mark.parametrize("count", [12, 60, 300])
def test_the_answers_of_a_conversation_are_on_one_side_even_where_all_begin_alike(tmp_path, count):
    found = prepared(talks(tmp_path / "talks.jsonl", count))
    where = sides(found, line_of)
    assert len(where) == count
    assert all(len(splits) == 1 for splits in where.values())
    assert set(found.report["records"]) == {"train", "validation", "test"}
    assert any(SAID in note and f"{count} of them" in note for note in found.report["notes"])


@pytest.mark.parametrize("seed", range(12))
def test_few_groups_leave_no_split_without_any(seed):
    rows = Rows({"text": [str(i) for i in range(40)], "talk": [i // 4 for i in range(40)]}, "a.csv", list(range(40)))
    division = divide([rows], Split(seed=seed), ["text"], "a.csv", ["talk"])
    assert set(division.sides.tolist()) == {0, 1, 2}
    assert all(len(set(division.sides[start : start + 4].tolist())) == 1 for start in range(0, 40, 4))


def test_another_column_or_record_by_record_can_be_asked_for(tmp_path):
    job = talks(tmp_path / "talks.jsonl", 60)
    alone = prepared(job, "data.split.block=1")
    assert max(map(len, sides(alone, line_of).values())) > 1
    assert not any(SAID in note for note in alone.report["notes"])
    by_text = prepared(job, "data.split.group=text")
    assert not any(SAID in note for note in by_text.report["notes"])


def test_where_the_data_says_itself_what_is_for_what_it_is_so(tmp_path):
    for split in ("train", "validation", "test"):
        talks(tmp_path / f"{split}.jsonl", 12)
    found = prepared({"task": "chat", "data": {"path": str(tmp_path)}})
    assert found.report["records"] == {"train": 48, "validation": 48, "test": 48}
    assert not any(SAID in note for note in found.report["notes"])


def squad(path: Path, articles: int, paragraphs: int) -> dict[str, Any]:
    def asked(article: int, paragraph: int) -> dict[str, Any]:
        context = f"Ada turned wheel {article} on day {paragraph}."
        qas = [
            {
                "id": f"{article}/{paragraph}/{i}",
                "question": f"Who {i}?",
                "answers": [{"text": "Ada", "answer_start": 0}],
            }
            for i in range(3)
        ]
        return {"context": context, "qas": qas}

    data = [{"title": str(a), "paragraphs": [asked(a, p) for p in range(paragraphs)]} for a in range(articles)]
    path.write_text(json.dumps({"data": data}), "utf-8")
    return {"task": "question-answering", "data": {"path": str(path)}}


@pytest.mark.parametrize(("articles", "paragraphs", "depth"), [(20, 2, 1), (2, 30, 2)])
def test_questions_about_an_article_are_on_one_side_or_of_few_articles_those_about_a_context(
    tmp_path, articles, paragraphs, depth
):
    found = prepared(squad(tmp_path / "squad.json", articles, paragraphs))
    where = sides(found, lambda place: "/".join(place.split("/")[1 : 1 + depth]))
    assert len(where) == (articles if depth == 1 else articles * paragraphs)
    assert all(len(splits) == 1 for splits in where.values())


def test_sentences_of_a_document_are_on_one_side_and_one_document_alone_is_divided(tmp_path):
    path = tmp_path / "names.conll"
    job = {"task": "token-classification", "data": {"path": str(path)}}
    sentences = [f"Ada{i} B-PER\nslept O\n{i} O\n\n" for i in range(120)]
    path.write_text("".join(("" if i % 6 else "-DOCSTART- O\n\n") + one for i, one in enumerate(sentences)), "utf-8")
    found = prepared(job)
    where = sides(found, lambda place: str((int(line_of(place)) - 1) // 26))
    assert len(where) == 20
    assert all(len(splits) == 1 for splits in where.values())
    path.write_text("-DOCSTART- O\n\n" + "".join(sentences), "utf-8")
    assert set(prepared(job).report["records"]) == {"train", "validation", "test"}


def test_where_each_record_stands_alone_nothing_is_said_or_changed(tmp_path):
    path = tmp_path / "talks.jsonl"
    one = {"instruction": "Say {i}", "output": "{i}"}
    lines = ["".join(json.dumps({key: text.format(i=i) for key, text in one.items()}) + "\n") for i in range(40)]
    path.write_text("".join(lines), "utf-8")
    assert not any(SAID in note for note in prepared({"task": "chat", "data": {"path": str(path)}}).report["notes"])
