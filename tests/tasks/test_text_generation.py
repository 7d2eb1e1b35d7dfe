"""Running text as windows: learnt from side by side, scored with half a window before each token."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from noria.tasks.text_generation import TextGeneration
from noria.types import PAD, Dataset, Ragged


def windows(length: int, window: int, is_learnt: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return prompts and answers of a text whose n-th token is n."""
    task = TextGeneration()
    task.target = replace(task.target, window=window)
    ids = Ragged.of([np.arange(length)], np.uint16)
    view = task.view(Dataset({"prompt": {}}, {"ids": ids, "_bytes": ids}), is_learnt)
    return view.inputs["prompt"]["ids"][:], view.target["ids"][:]


@pytest.mark.parametrize("length", [2, 5, 9, 40])
@pytest.mark.parametrize("window", [1, 2, 7, 8, 64])
def test_every_token_is_scored_once_with_what_stands_before_it(length: int, window: int) -> None:
    prompts, answers = windows(length, window, is_learnt=False)
    step = answers.shape[1]
    assert answers.flatten().tolist() == list(range(1, len(answers) * step + 1))
    assert length - 1 - answers.size < step  # what is left is no window
    for prompt, answer in zip(prompts, answers, strict=True):
        known = prompt[prompt != PAD]
        first = max(0, int(answer[0]) - (window - step + 1))
        assert known.tolist() == list(range(first, int(answer[0])))
        assert len(prompt) + step <= window + 1  # no longer than what is learnt from


def test_windows_that_are_learnt_from_do_not_overlap() -> None:
    prompts, answers = windows(40, 8, is_learnt=True)
    assert prompts.tolist() == [[0], [8], [16], [24]]
    assert answers.flatten().tolist() == list(range(1, 33))
