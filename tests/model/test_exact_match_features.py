"""Where two texts repeat each other."""

from __future__ import annotations

import torch

from noria.contract import Task
from noria.contract.examples import fitted, records_like
from noria.job import Job
from noria.model.exact_match_features import LONGEST, Repeats, _longest
from noria.model.network import Model
from noria.pipeline.assembly import build
from noria.tasks.question_answering import QuestionAnswering
from noria.tasks.translation import Translation
from noria.types import PAD


def built(task: Task, name: str) -> Model:
    job = Job.model_validate({"task": name, "model": {"size": "tiny"}})
    return build(job, task, fitted(task, records_like(task, 8)))


def runs(ids: list[int], other: list[int]) -> tuple[list[int], list[int]]:
    """Return the longest runs that end, and that begin, at each token."""
    repeats, seen = Repeats(1, "one", "other"), []
    repeats.table.register_forward_hook(lambda _, given, __: seen.append(given[0]))
    repeats({"one": {"ids": torch.tensor([ids])}, "other": {"ids": torch.tensor([other])}})
    ends, begins = seen[0][0].div(LONGEST + 1, rounding_mode="floor"), seen[0][0] % (LONGEST + 1)
    return ends.tolist(), begins.tolist()


def test_runs_are_as_long_as_what_stands_side_by_side_in_both() -> None:
    who, built, the, wheel, was, by = range(6)
    assert runs([the, wheel, was, built, by], [who, built, the, wheel]) == ([1, 2, 0, 1, 0], [2, 1, 0, 1, 0])
    assert runs([7, 8, 7, 8, 9], [7, 8, 9]) == ([1, 2, 1, 2, 3], [2, 1, 3, 2, 1])


def test_longer_runs_are_all_alike() -> None:
    ends, begins = runs(list(range(7)), list(range(7)))
    assert ends == [1, 2, 3, 4, 4, 4, 4]
    assert begins == ends[::-1]


def test_padding_is_like_nothing() -> None:
    assert runs([PAD, 3, PAD], [3, PAD, PAD]) == ([0, 1, 0], [0, 1, 0])


def test_rows_are_apart() -> None:
    same = torch.zeros(2, 3, 3, dtype=torch.bool)
    same[0] = torch.eye(3, dtype=torch.bool)
    assert _longest(same).tolist() == [[1, 2, 3], [0, 0, 0]]


def test_both_inputs_are_told() -> None:
    repeats = Repeats(4, "question", "context")
    inputs = {"context": {"ids": torch.tensor([[1, 2, 3]])}, "question": {"ids": torch.tensor([[2, 3]])}}
    told = repeats(inputs)
    assert {name: vectors.shape for name, vectors in told.items()} == {"question": (1, 2, 4), "context": (1, 3, 4)}
    torch.testing.assert_close(told["question"][0], told["context"][0, 1:])


def test_a_question_and_its_context_are_told_and_one_text_alone_is_not() -> None:
    repeats = built(QuestionAnswering(), "question-answering").repeats
    assert repeats is not None
    assert repeats.names == ("question", "context")
    assert built(Translation(), "translation").repeats is None


def test_what_is_repeated_changes_the_tokens_of_both() -> None:
    model = built(QuestionAnswering(), "question-answering")
    inputs = {name: {"ids": torch.tensor([row])} for name, row in (("question", [5, 6]), ("context", [7, 6, 8]))}
    assert model.repeats is not None
    before = model.tokens(inputs).features
    torch.nn.init.ones_(model.repeats.table.weight[LONGEST + 1 + 1])  # runs of one token
    changed = (model.tokens(inputs).features != before).any(2)
    assert changed.tolist() == [[False, True, False, True, False]]
