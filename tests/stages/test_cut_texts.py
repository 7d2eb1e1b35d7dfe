"""Texts that are longer than what is read of them: how many, how much, which answers lie beyond, and what to do."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from noria.job.load import load_job
from noria.stages.prepare import prepare

LONG = "the river turned the wheel and nobody asked why " * 20
TOKENS = {"tokenizer": "character", "max_tokens": 100}


def warnings(job: dict[str, Any], *overrides: str) -> list[str]:
    report = prepare(*load_job(job, list(overrides))).report
    return [line for line in report["warnings"] if "longer than" in line or "beyond" in line]


def written(path: Path, records: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(one) + "\n" for one in records), "utf-8")
    return path


def labelled(folder: Path, long: int, short: int = 0) -> dict[str, Any]:
    records = [{"text": f"{LONG} {i}", "label": "ab"[i % 2]} for i in range(long)]
    records += [{"text": f"short {i}", "label": "ab"[i % 2]} for i in range(short)]
    path = written(folder / "texts.jsonl", records)
    return {"task": "text-classification", "data": {"path": str(path)}, "inputs": {"text": TOKENS}}


def test_it_is_said_how_many_texts_are_cut_and_what_would_read_them(tmp_path):
    job = labelled(tmp_path, 40, 40)
    (said,) = warnings(job)
    assert said.startswith("text: 40 of 80 records are longer than max_tokens (100), and 90% of them is not read")
    setting, whole = re.findall(r"(inputs\.text\.max_tokens=\d+) reads (\d+) of them whole", said)[0]
    assert int(whole) == 40
    assert warnings(job, setting) == []


def test_where_nothing_is_cut_nothing_is_said(tmp_path):
    assert warnings(labelled(tmp_path, 0, 60)) == []


def test_true_stretches_beyond_are_counted(tmp_path):
    texts = [f"{'Ada' if i % 4 else 'Ben'} and {LONG} {i} Carla" for i in range(40)]
    spans = [
        [{"start": 0, "end": 3, "label": "X"}, {"start": len(text) - 5, "end": len(text), "label": "X"}]
        for text in texts
    ]
    path = written(tmp_path / "a.jsonl", [{"text": a, "spans": b} for a, b in zip(texts, spans, strict=True)])
    job = {"task": "token-classification", "data": {"path": str(path)}, "inputs": {"text": TOKENS}}
    assert warnings(job)[1] == "tags: 40 of 80 true answers lie beyond what is read and are never found"
    assert warnings(job, "inputs.text.max_tokens=2048") == []


def test_answers_to_questions_beyond_are_counted(tmp_path):
    records = [
        {"question": f"Who {i}?", "context": f"Ada {LONG} Ben {i}.", "span": ("Ada", "Ben")[i % 2]} for i in range(40)
    ]
    path = written(tmp_path / "a.jsonl", records)
    inputs = {"context": TOKENS, "question": {"tokenizer": "character"}}
    said = warnings({"task": "question-answering", "data": {"path": str(path)}, "inputs": inputs}, "data.split.block=1")
    assert said[0].startswith("context: 40 of 40 records")
    assert said[1] == "span: 20 of 40 true answers lie beyond what is read and are never found"


def test_cut_conversations_and_cut_answers_are_said_each_with_its_setting(tmp_path):
    records = [
        {"messages": [{"role": "user", "content": f"{LONG} {i}"}, {"role": "assistant", "content": f"{i} {LONG}"}]}
        for i in range(40)
    ]
    job = {"task": "chat", "data": {"path": str(written(tmp_path / "a.jsonl", records))}}
    job |= {"inputs": {"messages": TOKENS}, "target": {"longest": 50}}
    said = warnings(job)
    assert [line.split(":")[0] for line in said] == ["messages", "text"]
    settings = [re.findall(r"(\S+=\d+) reads 40 of them whole", line)[0] for line in said]
    assert [one.split("=")[0] for one in settings] == ["inputs.messages.max_tokens", "target.longest"]
    assert warnings(job, *settings) == []


@pytest.mark.parametrize("kind", ["bert", "roberta", "llama"])
def test_no_more_is_advised_than_a_checkpoint_can_read(checkpoint, tmp_path, kind):
    pytest.importorskip("transformers", reason="needs transformers")
    job = labelled(tmp_path, 40)
    job |= {"model": {"pretrained": str(checkpoint(kind))}, "inputs": {"text": {"max_tokens": 32}}}
    (said,) = warnings(job)
    if kind == "llama":  # counts without a table
        assert "inputs.text.max_tokens=1024 reads 40 of them whole" in said
        return
    assert "inputs.text.max_tokens=64 reads 0 of them whole" in said
    assert "no more than 64 tokens at once" in warnings(job, "inputs.text.max_tokens=64")[0]
