"""The cache: the same features as without it, whatever the chunks, the padding and the mask."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from noria.contract import Attention
from noria.model.layers.cache import KeyValueCache
from noria.model.transformer import Transformer
from noria.types import Tokens

TOLERANCE = 2e-5  # float32, features of root mean square 1
MakeTrunk = Callable[..., Transformer]
MakeRows = Callable[..., list[torch.Tensor]]
Spread = Callable[[list[torch.Tensor], torch.Tensor], Tokens]


def cached(
    trunk: Transformer, attention: str, tokens: Tokens, chunks: list[int], is_prefix: torch.Tensor | None = None
) -> torch.Tensor:
    """Send tokens through a cache chunk by chunk; the prefix goes with the first chunk."""
    assert tokens.is_real is not None
    cache = trunk.new_cache(len(tokens.features), capacity=tokens.features.shape[1])
    parts, start = [], 0
    with torch.inference_mode():
        for size in chunks:
            end = start + size
            chunk = Tokens(tokens.features[:, start:end], tokens.is_real[:, start:end])
            chunk_prefix = is_prefix[:, :end] if is_prefix is not None and start == 0 else None
            parts.append(trunk(chunk, attention, chunk_prefix, cache).features)  # type: ignore[arg-type]
            start = end
    assert cache.lengths.tolist() == tokens.is_real.sum(1).tolist()
    return torch.cat(parts, dim=1)


def alone(trunk: Transformer, attention: str, row: torch.Tensor, num_prefix: int) -> torch.Tensor:
    """Return the features of one row without cache and without padding."""
    is_prefix = (torch.arange(len(row)) < num_prefix)[None] if attention == "prefix" else None
    with torch.inference_mode():
        return trunk(Tokens(row[None]), attention, is_prefix).features[0]  # type: ignore[arg-type, no-any-return]


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("attention", ["full", "causal", "prefix"])
def test_cached_equals_uncached_on_ragged_prompts_that_grow_token_by_token(
    attention: str, side: str, make_trunk: MakeTrunk, make_rows: MakeRows, spread: Spread
) -> None:
    prompts, num_new = [5, 2, 4], 0 if attention == "full" else 3
    rows = make_rows([prompt + num_new for prompt in prompts])
    places, lengths = torch.arange(5), torch.tensor(prompts)[:, None]
    is_prompt = places < lengths if side == "right" else places >= 5 - lengths
    is_real = torch.cat([is_prompt, torch.ones(3, num_new, dtype=torch.bool)], dim=1)
    trunk = make_trunk()
    is_prefix = is_prompt if attention == "prefix" else None
    got = cached(trunk, attention, spread(rows, is_real), [5] + [1] * num_new, is_prefix)
    for i, row in enumerate(rows):
        expected = alone(trunk, attention, row, prompts[i])
        torch.testing.assert_close(got[i][is_real[i]], expected, atol=TOLERANCE, rtol=0)


@settings(deadline=None, max_examples=25)
@given(data=st.data(), attention=st.sampled_from(["causal", "prefix"]), positions=st.sampled_from(["rotary", "none"]))
def test_cached_equals_uncached_for_any_chunks_and_any_padding(
    data: st.DataObject,
    attention: str,
    positions: str,
    make_trunk: MakeTrunk,
    make_rows: MakeRows,
    spread: Spread,
) -> None:
    chunks = data.draw(st.lists(st.integers(1, 4), min_size=1, max_size=4))
    num_rows = data.draw(st.integers(1, 3))
    a_row = st.lists(st.booleans(), min_size=sum(chunks), max_size=sum(chunks))
    is_real = torch.tensor(data.draw(st.lists(a_row, min_size=num_rows, max_size=num_rows)))
    is_real[0, 0] = True  # at least one token in the first chunk: it carries the prefix
    rows = make_rows(is_real.sum(1).tolist())
    prefix_lengths = [data.draw(st.integers(0, int(n))) for n in is_real[:, : chunks[0]].sum(1)]
    order = is_real.cumsum(1)
    is_prefix = (order <= torch.tensor(prefix_lengths)[:, None]) & is_real if attention == "prefix" else None
    trunk = make_trunk(positions=positions)
    got = cached(trunk, attention, spread(rows, is_real), chunks, is_prefix)
    assert torch.isfinite(got).all()
    for i, row in enumerate(rows):
        if len(row):
            expected = alone(trunk, attention, row, prefix_lengths[i])
            torch.testing.assert_close(got[i][is_real[i]], expected, atol=TOLERANCE, rtol=0)


def test_chunks_without_padding_mask_equal_one_pass(make_trunk: MakeTrunk, make_rows: MakeRows) -> None:
    trunk, x = make_trunk(), torch.stack(make_rows([7, 7]))
    cache = trunk.new_cache(2, 7)
    with torch.inference_mode():
        parts = [trunk(Tokens(x[:, a:b]), "causal", None, cache).features for a, b in ((0, 3), (3, 5), (5, 7))]
        expected = trunk(Tokens(x), "causal").features
    torch.testing.assert_close(torch.cat(parts, 1), expected, atol=TOLERANCE, rtol=0)


def test_positions_that_are_given_are_used_with_the_cache_too(make_trunk: MakeTrunk, make_rows: MakeRows) -> None:
    trunk, x = make_trunk(), torch.stack(make_rows([5]))
    positions = torch.tensor([[0, 3, 4, 9, 20]])
    cache = trunk.new_cache(1, 5)
    with torch.inference_mode():
        cuts = ((0, 2), (2, 5))
        parts = [trunk(Tokens(x[:, a:b], None, positions[:, a:b]), "causal", None, cache).features for a, b in cuts]
        expected = trunk(Tokens(x, None, positions), "causal").features
        elsewhere = trunk(Tokens(x), "causal").features
    torch.testing.assert_close(torch.cat(parts, 1), expected, atol=TOLERANCE, rtol=0)
    assert not torch.allclose(expected, elsewhere, atol=1e-3)


def test_causal_tokens_may_follow_a_full_first_chunk(make_trunk: MakeTrunk, make_rows: MakeRows) -> None:
    trunk, (row,) = make_trunk(), make_rows([6])
    cache = trunk.new_cache(1, 6)
    with torch.inference_mode():
        parts = [trunk(Tokens(row[None, :4]), "full", None, cache), trunk(Tokens(row[None, 4:]), "prefix", None, cache)]
    got = torch.cat([part.features for part in parts], 1)[0]
    torch.testing.assert_close(got, alone(trunk, "prefix", row, 4), atol=TOLERANCE, rtol=0)


def test_cached_equals_uncached_in_bfloat16(make_trunk: MakeTrunk, make_rows: MakeRows) -> None:
    trunk, x = make_trunk(), torch.stack(make_rows([9, 9]))
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        cache = trunk.new_cache(2, 9)
        parts = [trunk(Tokens(x[:, a:b]), "causal", None, cache).features for a, b in ((0, 5), (5, 6), (6, 9))]
        expected = trunk(Tokens(x), "causal").features
    assert cache.keys.dtype == torch.bfloat16
    torch.testing.assert_close(torch.cat(parts, 1), expected, atol=0.1, rtol=0)  # bfloat16 has 3 digits


def test_a_finished_row_does_not_grow_and_does_not_disturb_the_others(
    make_trunk: MakeTrunk, make_rows: MakeRows
) -> None:
    trunk, x = make_trunk(), torch.stack(make_rows([4, 4]))
    cache = trunk.new_cache(2, 4)
    with torch.inference_mode():
        trunk(Tokens(x[:, :3]), "causal", None, cache)
        keys = cache.keys[:, 1, :, :3].clone()
        last = trunk(Tokens(x[:, 3:], torch.tensor([[True], [False]])), "causal", None, cache).features
    assert cache.lengths.tolist() == [4, 3]
    assert torch.equal(cache.keys[:, 1, :, :3], keys)
    torch.testing.assert_close(last[0], alone(trunk, "causal", x[0], 0)[3:], atol=TOLERANCE, rtol=0)


@pytest.mark.parametrize("attention", ["full", "causal", "prefix"])
def test_rows_of_padding_alone_stay_finite(attention: str, make_trunk: MakeTrunk) -> None:
    trunk = make_trunk()
    cache, is_real = trunk.new_cache(2, 4), torch.zeros(2, 3, dtype=torch.bool)
    nothing = Tokens(torch.full((2, 3, 32), float("nan")), is_real)
    is_prefix = is_real if attention == "prefix" else None
    with torch.inference_mode():
        assert torch.isfinite(trunk(nothing, attention, is_prefix, cache).features).all()
    assert cache.lengths.tolist() == [0, 0]


def test_memory_is_allocated_once_and_its_size_is_known() -> None:
    cache = KeyValueCache(depth=3, shape=(2, 4, 5, 8), dtype=torch.bfloat16)
    addresses = cache.keys.data_ptr(), cache.values.data_ptr()
    floats = 2 * 3 * 2 * 4 * (5 + 1) * 8  # keys and values, layers, rows, heads, slots and the scrap, channels
    assert cache.num_bytes == floats * 2 + 2 * 8  # two bytes each, and the lengths
    cache.reserve(2, None)
    chunk = torch.ones(2, 4, 2, 8, dtype=torch.bfloat16)
    keys, _ = cache.append(1, chunk, chunk)
    assert keys.data_ptr() == cache.keys[1].data_ptr()
    assert (cache.keys.data_ptr(), cache.values.data_ptr()) == addresses
    assert cache.keys[1, :, :, :2].eq(1).all()
    assert cache.keys[0].eq(0).all()


def test_bfloat16_row_by_row_is_the_same_as_all_at_once(make_trunk: MakeTrunk) -> None:
    trunk, tokens = make_trunk().bfloat16(), 96
    x = torch.randn(2, tokens, 32, generator=torch.Generator().manual_seed(4)).bfloat16()
    is_real = torch.ones(2, 3, dtype=torch.bool)
    is_real[1, 0] = False  # so that rows are of unequal length
    with torch.inference_mode():
        cache = trunk.new_cache(2, 2**14)
        parts = [trunk(Tokens(x[:, :3], is_real), "causal", None, cache).features]
        parts += [trunk(Tokens(x[:, i : i + 1]), "causal", None, cache).features for i in range(3, tokens)]
        everything = torch.cat((is_real, is_real.new_ones(2, tokens - 3)), 1)
        expected = trunk(Tokens(x, everything), "causal").features
    torch.testing.assert_close(torch.cat(parts, 1)[everything], expected[everything], atol=0.1, rtol=0)


FILLS = """
import torch
from noria.training.memory import held_bytes
from noria.contract import Attention
from noria.model.layers.cache import KeyValueCache
before = held_bytes()
cache = KeyValueCache(depth=8, shape=(4, 2, 2**14, 64), dtype=torch.bfloat16)
cache.select(torch.arange(4).repeat_interleave(2))
print(cache.num_bytes, held_bytes() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="what other systems do with zeros is not known")
def test_slots_take_memory_only_as_they_are_filled() -> None:
    """In a process of its own: one that has trained keeps freed memory, which must be filled with zeros."""
    done = subprocess.run([sys.executable, "-c", FILLS], check=True, capture_output=True, text=True)
    size, held = map(int, done.stdout.split())
    assert size > 5 * 10**8
    assert held < 10**8


@pytest.mark.parametrize("attention", ["causal", "prefix"])
def test_a_row_that_needs_more_room_than_there_is_gets_it(
    attention: Attention, make_trunk: MakeTrunk, make_rows: MakeRows
) -> None:
    trunk, x = make_trunk(), torch.stack(make_rows([9, 9]))
    cache = trunk.new_cache(2, 2)
    is_prefix = torch.ones(2, 3, dtype=torch.bool) if attention == "prefix" else None
    with torch.inference_mode():
        parts = [trunk(Tokens(x[:, :3]), attention, is_prefix, cache).features]
        parts += [trunk(Tokens(x[:, i : i + 1]), attention, None, cache).features for i in range(3, 9)]
    for i in range(2):
        expected = alone(trunk, attention, x[i], 3)
        torch.testing.assert_close(torch.cat(parts, 1)[i], expected, atol=TOLERANCE, rtol=0)


@settings(deadline=None, max_examples=25)
@given(data=st.data(), block=st.sampled_from([{}, {"block": "recurrent", "block_settings": {"attention_every": 2}}]))
def test_rows_join_and_leave_at_any_time_and_none_disturbs_another(
    data: st.DataObject, block: dict[str, object], make_trunk: MakeTrunk, make_rows: MakeRows
) -> None:
    """Each round some rows join, each step adds a token to every row, and then some leave, the others in any order."""
    trunk, rows = make_trunk(**block), make_rows([12] * 6)
    waiting, live = list(range(6)), list[int]()
    cache = trunk.new_cache(0, 1)
    at = [0] * 6

    def read(some: list[int], size: int, cache: KeyValueCache) -> None:
        chunk = Tokens(torch.stack([rows[i][at[i] : at[i] + size] for i in some]))
        found = trunk(chunk, "causal", None, cache).features
        for i, features in zip(some, found, strict=True):
            expected = alone(trunk, "causal", rows[i], 0)[at[i] : at[i] + size]
            torch.testing.assert_close(features, expected, atol=TOLERANCE, rtol=0)
            at[i] += size

    with torch.inference_mode():
        while waiting or live:
            for _ in range(data.draw(st.integers(0 if live else 1, 2))):
                if waiting:
                    own = trunk.new_cache(1, 3)
                    read([waiting[0]], data.draw(st.integers(1, 7)), own)
                    if live:
                        assert cache.join(own)
                    else:
                        cache = own
                    live.append(waiting.pop(0))
            live_before = list(live)
            if live and all(at[i] < 12 for i in live):
                read(live, 1, cache)
            live = data.draw(st.permutations([i for i in live if at[i] < 12 and data.draw(st.integers(0, 3))]))
            cache.select(torch.tensor([live_before.index(i) for i in live], dtype=torch.long))
            assert cache.lengths.tolist() == [at[i] for i in live]


def test_the_room_of_rows_that_have_left_is_used_again() -> None:
    cache = KeyValueCache(depth=1, shape=(3, 1, 4, 8))
    cache.reserve(2, None)
    address = cache.keys.data_ptr()
    cache.select(torch.tensor([0, 2]))
    other = KeyValueCache(depth=1, shape=(1, 1, 9, 8))
    other.reserve(4, None)
    other.keys.fill_(3)
    assert cache.join(other)
    assert (cache.keys.data_ptr(), cache.lengths.tolist(), cache.longest) == (address, [2, 2, 4], 4)
    assert cache.keys[0, 2, 0, :4].eq(3).all()


def test_padding_needs_no_room() -> None:
    cache = KeyValueCache(depth=1, shape=(1, 1, 2, 8))
    slots = cache.reserve(4, torch.tensor([[False, True, False, True]]))
    assert slots.tolist() == [[2, 0, 2, 1]]


def test_a_cache_in_training_is_refused(make_trunk: MakeTrunk) -> None:
    trunk = make_trunk()
    with pytest.raises(ValueError, match="inference"):
        trunk(Tokens(torch.ones(1, 2, 32)), "causal", None, trunk.new_cache(1, 4))


def test_what_would_change_cached_features_is_refused(make_trunk: MakeTrunk) -> None:
    trunk = make_trunk()
    cache = trunk.new_cache(1, 4)
    one = Tokens(torch.ones(1, 1, 32))
    with torch.inference_mode():
        with pytest.raises(ValueError, match="needs is_prefix"):
            trunk(one, "prefix", None, cache)
        trunk(one, "causal", None, cache)
        with pytest.raises(ValueError, match="one chunk"):
            trunk(one, "full", None, cache)
        with pytest.raises(ValueError, match="first chunk"):
            trunk(one, "prefix", torch.ones(1, 1, dtype=torch.bool), cache)
