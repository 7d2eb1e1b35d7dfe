"""Windows over long rows: every token is in one, whole stretches too, and each ends as the row does."""

from __future__ import annotations

import pytest
import torch

from noria.targets.span.context_windows import sliding
from noria.types import PAD

END = 99


def rows(lengths, has_end):
    """Rows of tokens 100 i + place; each token stands for the character of its place."""
    longest = max(lengths) + has_end
    ids, starts = (torch.full((len(lengths), longest), PAD) for _ in range(2))
    for i, length in enumerate(lengths):
        ids[i, :length], starts[i, :length] = 100 * (i + 1) + torch.arange(length), torch.arange(length)
        if has_end:
            ids[i, length] = END
    return {"ids": ids, "starts": starts, "ends": torch.where(starts == PAD, PAD, starts + 1)}


@pytest.mark.parametrize("has_end", [False, True])
@pytest.mark.parametrize(("size", "stride"), [(6, 2), (6, 5), (7, 3), (40, 10)])
def test_every_stretch_as_long_as_the_overlap_is_whole_in_some_window(has_end, size, stride):
    lengths = [1, 3, 5, 6, 7, 11, 17]
    given = rows(lengths, has_end)
    windows, record = sliding(given, size, stride)
    room, overlap = size - has_end, size - has_end - stride
    assert windows["ids"].shape[1] <= size
    assert record.tolist() == sorted(record.tolist())
    for i, length in enumerate(lengths):
        own = [row[row != PAD].tolist() for row in windows["starts"][record == i]]
        whole = list(range(length))
        assert {place for one in own for place in one} == set(whole)
        assert all(one == list(range(one[0], one[0] + len(one))) for one in own)
        for start in range(max(1, length - overlap)):
            stretch = whole[start : start + overlap]
            assert any(set(stretch) <= set(one) for one in own), (length, stretch, own)
        assert len(own) == 1 or all(len(one) == room for one in own)


def test_windows_keep_what_runs_beside_and_end_as_the_rows_do():
    given = rows([3, 12], True)
    windows, record = sliding(given, 6, 3)
    for ids, starts, i in zip(windows["ids"], windows["starts"], record, strict=True):
        real = ids[ids != PAD]
        assert real[-1] == END
        assert (real[:-1] == 100 * (i + 1) + starts[: len(real) - 1]).all()
        assert (starts[len(real) - 1 :] == PAD).all()


def test_rows_that_fit_come_back_as_they_are():
    given = rows([3, 5], True)
    windows, record = sliding(given, 6, 3)
    assert record.tolist() == [0, 1]
    assert all((windows[name] == given[name]).all() for name in given)
