"""By which words written answers are compared is told from the training answers, kept, and said beside the score."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from noria.job.load import load_job
from noria.stages.prepare import prepare
from noria.targets.span.target import Span
from noria.targets.text import Text

ANSWERS = {"zh": "一只狗在雪地里奔跑", "ja": "犬が雪の中を走っている", "en": "Ein Hund rennt"}


def pairs(path: Path, language: str) -> Path:
    records = [{"source": f"a dog {i}", "text": f"{ANSWERS[language]} {i}"} for i in range(30)]
    path.write_text("".join(json.dumps(one) + "\n" for one in records), "utf-8")
    return path


@pytest.mark.parametrize(("language", "tokeniser"), [("zh", "zh"), ("en", "13a")])
def test_the_answers_and_not_the_sources_tell(tmp_path, language, tokeniser):
    pytest.importorskip("sacrebleu")
    job = {"task": "translation", "data": {"path": str(pairs(tmp_path / "pairs.jsonl", language))}}
    loaded, task = load_job(job)
    state = prepare(loaded, task).states["target"]
    assert (state["language"], state["bleu"]) == (language, tokeniser)
    (unit,) = [metric.unit for metric in task.target.metrics(state) if metric.name == "bleu"]
    assert f"tok:{tokeniser}" in unit


def test_a_setting_wins_and_models_of_before_count_as_they_did():
    pytest.importorskip("sacrebleu")

    def unit(target: Text, state: dict[str, str]) -> str:
        return next(one.unit for one in target.metrics(state) if one.name == "bleu")

    known = {"language": "zh", "bleu": "zh"}
    assert "tok:13a" in unit(Text(overlap="bleu", language="en"), known)
    assert "tok:zh" in unit(Text(overlap="bleu"), known)
    assert "tok:13a" in unit(Text(overlap="bleu"), {})


def test_answers_to_questions_are_compared_by_their_script():
    chinese = [[{"text": "北京", "start": 0}], [], "broken"]
    assert Span().fit(chinese) == {"can_refuse": True, "language": "zh"}
    assert Span().fit([[{"text": "Rome", "start": 0}]]) == {"can_refuse": False, "language": "en"}
