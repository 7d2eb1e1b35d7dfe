"""A report on answers that lie in pictures shows truth and answer on them, the worst records and the best."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from noria.contract import Metric
from noria.report.mistakes import scores_per_record

PICTURE = re.compile(r"data:image/\w+;base64,([^\"]*)")


def test_truth_and_answer_stand_side_by_side(trained: Callable[[str], Path]) -> None:
    page = (trained("object-detection") / "report.html").read_text("utf-8")
    section = page[page.index('id="hardest-records"') :].split("<section")[0]
    found = PICTURE.findall(section)
    cards = section.count("<article")
    assert 4 <= cards <= 12
    assert len(found) == 2 * cards
    assert section.count(">truth<") == section.count(">answer<") == cards
    with Image.open(io.BytesIO(base64.b64decode(found[0]))) as picture:
        assert picture.width > 300
    assert "the worst" in section
    assert "the best" in section


def test_records_without_a_score_of_their_own_are_scored_alone() -> None:
    right = np.array([1.0, 0.0, 0.5])

    def value(output: dict[str, np.ndarray], truth: dict[str, np.ndarray], weights: np.ndarray) -> np.ndarray:
        return np.asarray((weights @ right) / weights.sum(1))

    metric = Metric("f1", "fraction", "higher", value)
    known = scores_per_record([metric], {}, {}, 3)
    assert known is not None
    assert known[1].tolist() == right.tolist()
    assert scores_per_record([metric], {}, {}, 100_000) is None
