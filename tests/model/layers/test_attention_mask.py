"""The mask: what each query sees, drawn as it is in the docstring."""

from __future__ import annotations

import pytest
import torch

from noria.model.layers.attention_mask import attention_mask


def drawn(mask: torch.Tensor | None, row: int = 0) -> list[str]:
    assert mask is not None
    return ["".join("x" if seen else "." for seen in line) for line in mask[row, 0]]


def test_full_without_padding_needs_no_mask() -> None:
    assert attention_mask("full", 3) is None


def test_causal_sees_itself_and_what_came_before() -> None:
    assert drawn(attention_mask("causal", 3)) == ["x..", "xx.", "xxx"]


def test_prefix_sees_the_whole_prefix_and_is_causal_after_it() -> None:
    is_prefix = torch.tensor([[True, True, False, False]])
    assert drawn(attention_mask("prefix", 4, is_prefix=is_prefix)) == ["xx..", "xx..", "xxx.", "xxxx"]


def test_prefix_never_looks_at_a_target_wherever_it_stands() -> None:
    is_prefix = torch.tensor([[False, True, False, True]])
    assert drawn(attention_mask("prefix", 4, is_prefix=is_prefix)) == ["xx.x", ".x.x", "xxxx", ".x.x"]


def test_all_prefix_is_full_and_no_prefix_is_causal() -> None:
    is_real = torch.tensor([[True, True, True, False], [False, True, True, True]])
    everything, nothing = torch.ones(2, 4, dtype=torch.bool), torch.zeros(2, 4, dtype=torch.bool)
    full = attention_mask("full", 4, is_real=is_real)
    assert full is not None
    as_full = attention_mask("prefix", 4, is_real=is_real, is_prefix=everything)
    as_causal = attention_mask("prefix", 4, is_real=is_real, is_prefix=nothing)
    assert as_full is not None
    assert torch.equal(full.expand_as(as_full), as_full)
    assert drawn(as_causal, 1) == drawn(attention_mask("causal", 4, is_real=is_real), 1)


def test_padding_is_not_seen() -> None:
    is_real = torch.tensor([[True, False, True]])
    assert drawn(attention_mask("causal", 3, is_real=is_real)) == ["x..", "x..", "x.x"]
    assert drawn(attention_mask("full", 3, is_real=is_real)) == ["x.x"]


@pytest.mark.parametrize("attention", ["full", "causal", "prefix"])
def test_a_query_with_nothing_to_see_sees_everything_so_that_softmax_is_not_nan(attention: str) -> None:
    is_real = torch.tensor([[False, False, False], [False, True, True]])
    is_prefix = torch.tensor([[False, False, False], [False, False, False]])
    mask = attention_mask(attention, 3, is_real=is_real, is_prefix=is_prefix)  # type: ignore[arg-type]
    assert mask is not None
    assert mask.any(-1).all()
    assert set(drawn(mask, 0)) == {"xxx"}
    assert drawn(mask, 1)[-1] == ".xx"


def test_a_chunk_of_queries_sees_the_cached_keys_and_is_causal_in_itself() -> None:
    assert drawn(attention_mask("causal", 5, query_slots=torch.tensor([[3, 4]]))) == ["xxxx.", "xxxxx"]


def test_a_chunk_of_a_prefix_row_gives_the_same_lines_as_the_whole_row() -> None:
    is_prefix = torch.tensor([[True, True, False, False, False]])
    whole = drawn(attention_mask("prefix", 5, is_prefix=is_prefix))
    for first in range(5):
        slots = torch.arange(first, 5)[None]
        assert drawn(attention_mask("prefix", 5, is_prefix=is_prefix, query_slots=slots)) == whole[first:]


def test_ragged_rows_of_a_chunk_each_have_their_own_slots() -> None:
    is_real = torch.tensor([[True, True, True, True], [True, True, False, False]])
    mask = attention_mask("causal", 4, is_real=is_real, query_slots=torch.tensor([[3], [1]]))
    assert (drawn(mask, 0), drawn(mask, 1)) == (["xxxx"], ["xx.."])


def test_padding_may_have_a_slot_past_the_last_key() -> None:
    is_prefix = torch.tensor([[True, False]])
    assert drawn(attention_mask("prefix", 2, is_prefix=is_prefix, query_slots=torch.tensor([[1, 9]])))[0] == "xx"


def test_prefix_without_is_prefix_is_refused() -> None:
    with pytest.raises(ValueError, match="needs is_prefix"):
        attention_mask("prefix", 3)
