"""The variants of blocks: each is padded = unpadded, cached = uncached and a batch of one = a batch of many."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from noria.contract import Attention
from noria.errors import UserError
from noria.model import blocks
from noria.model.blocks.recurrent import delta_rule
from noria.model.settings import TransformerSettings
from noria.model.transformer import Transformer
from noria.types import Tokens

TOLERANCE = 5e-5  # float32, features of root mean square 1
OPTIONS: dict[str, dict[str, object]] = {
    "attention": {},
    "swiglu": {"block": "swiglu"},
    "recurrent": {"block": "recurrent"},
    "recurrent, each second attends": {"block": "recurrent", "block_settings": {"attention_every": 2}, "depth": 3},
    "conformer": {"block": "conformer"},
}
EVERY = pytest.mark.parametrize("name", OPTIONS)
LOOKS_BACK = pytest.mark.parametrize("name", [name for name in OPTIONS if name != "conformer"])
MakeTrunk = Callable[..., Transformer]
MakeRows = Callable[..., list[Tensor]]
Spread = Callable[[list[Tensor], Tensor], Tokens]


def alone(trunk: Transformer, row: Tensor) -> Tensor:
    with torch.inference_mode():
        return trunk(Tokens(row[None]), attention_of(trunk)).features[0]  # type: ignore[no-any-return]


def attention_of(trunk: Transformer) -> Attention:
    """Return the attention that a variant is tried with: causal wherever it can look back only."""
    return "causal" if "causal" in trunk.variant.attentions else "full"


def test_every_variant_is_tried() -> None:
    assert {options.get("block", "attention") for options in OPTIONS.values()} == set(blocks.names())


@LOOKS_BACK
@settings(deadline=None, max_examples=15)
@given(data=st.data())
def test_cached_and_padded_equal_alone_for_any_chunks_and_any_padding(
    name: str, data: st.DataObject, make_trunk: MakeTrunk, make_rows: MakeRows, spread: Spread
) -> None:
    chunks = data.draw(st.lists(st.integers(1, 5), min_size=1, max_size=4))
    num_rows = data.draw(st.integers(1, 3))
    a_row = st.lists(st.booleans(), min_size=sum(chunks), max_size=sum(chunks))
    is_real = torch.tensor(data.draw(st.lists(a_row, min_size=num_rows, max_size=num_rows)))
    rows = make_rows(is_real.sum(1).tolist())
    trunk, tokens = make_trunk(**OPTIONS[name]), spread(rows, is_real)
    cache, start, parts = trunk.new_cache(num_rows, sum(chunks)), 0, []
    with torch.inference_mode():
        whole = trunk(tokens, "causal").features
        for size in chunks:
            chunk = Tokens(tokens.features[:, start : start + size], is_real[:, start : start + size])
            parts.append(trunk(chunk, "causal", None, cache).features)
            start += size
    for got in (whole, torch.cat(parts, 1)):
        assert torch.isfinite(got).all()
        for i, row in enumerate(rows):
            if len(row):
                torch.testing.assert_close(got[i][is_real[i]], alone(trunk, row), atol=TOLERANCE, rtol=0)


@EVERY
@settings(deadline=None, max_examples=15)
@given(data=st.data())
def test_a_row_is_the_same_alone_and_with_padding_anywhere(
    name: str, data: st.DataObject, make_trunk: MakeTrunk, make_rows: MakeRows, spread: Spread
) -> None:
    a_row = st.lists(st.booleans(), min_size=12, max_size=12)
    is_real = torch.tensor(data.draw(st.lists(a_row, min_size=1, max_size=3)))
    rows = make_rows(is_real.sum(1).tolist())
    trunk, tokens = make_trunk(**OPTIONS[name]), spread(rows, is_real)
    with torch.inference_mode():
        whole = trunk(tokens, attention_of(trunk)).features
    for i, row in enumerate(rows):
        if len(row):
            torch.testing.assert_close(whole[i][is_real[i]], alone(trunk, row), atol=TOLERANCE, rtol=0)


@LOOKS_BACK
def test_rows_that_are_selected_go_on_as_they_would_have(name: str, make_trunk: MakeTrunk, make_rows: MakeRows) -> None:
    trunk, rows = make_trunk(**OPTIONS[name]), make_rows([7, 7, 7])
    x = torch.stack(rows)
    is_real = torch.arange(4) >= torch.tensor([[0], [2], [1]])
    for order in ([2, 0], [1, 1, 2, 0, 0], [1]):
        cache, chosen = trunk.new_cache(3, 7), torch.tensor(order)
        with torch.inference_mode():
            trunk(Tokens(x[:, :4], is_real), "causal", None, cache)
            cache.select(chosen)
            got = trunk(Tokens(x[chosen, 4:]), "causal", None, cache).features
        for place, i in enumerate(order):
            expected = alone(trunk, rows[i][int((~is_real[i]).sum()) :])[-3:]
            torch.testing.assert_close(got[place], expected, atol=TOLERANCE, rtol=0)


@EVERY
def test_gradient_reaches_every_parameter(name: str, make_trunk: MakeTrunk, make_rows: MakeRows) -> None:
    trunk = make_trunk(**OPTIONS[name]).train()
    trunk(Tokens(torch.stack(make_rows([30, 30]))), attention_of(trunk)).features.pow(3).sum().backward()
    assert [name for name, p in trunk.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0] == []


@EVERY
@pytest.mark.parametrize("how", ["autocast", "weights"])
def test_bfloat16_is_close_to_float32(name: str, how: str, make_trunk: MakeTrunk, make_rows: MakeRows) -> None:
    trunk, x = make_trunk(**OPTIONS[name]), torch.stack(make_rows([40, 40]))
    attention = attention_of(trunk)
    expected = trunk(Tokens(x), attention).features
    if how == "autocast":
        with torch.autocast("cpu", torch.bfloat16):
            got = trunk(Tokens(x), attention).features
    else:
        got = trunk.to(torch.bfloat16)(Tokens(x.bfloat16()), attention).features.float()
    assert (got - expected).square().mean().sqrt() < 0.06


@EVERY
def test_nothing_looks_ahead_and_padding_alone_gives_no_nan(
    name: str, make_trunk: MakeTrunk, make_rows: MakeRows
) -> None:
    trunk, (row, other) = make_trunk(**OPTIONS[name]), make_rows([9, 9])
    changed = torch.cat([row[:5], other[5:]])
    if attention_of(trunk) == "causal":
        torch.testing.assert_close(alone(trunk, row)[:5], alone(trunk, changed)[:5], atol=1e-5, rtol=0)
    x = torch.stack([row, other]).requires_grad_()
    features = trunk(Tokens(x, torch.zeros(2, 9, dtype=torch.bool)), attention_of(trunk)).features
    features.square().sum().backward()
    assert torch.isfinite(features).all()
    assert all(p.grad is None or torch.isfinite(p.grad).all() for p in trunk.parameters())


@pytest.mark.parametrize("num_tokens", [1, 63, 64, 65, 150])
def test_the_delta_rule_in_chunks_equals_the_recurrence_token_by_token(num_tokens: int) -> None:
    torch.manual_seed(5)
    q, k, v = torch.randn(3, 2, 3, num_tokens, 8).unbind()
    k = torch.nn.functional.normalize(k, dim=-1)
    g, b = -torch.rand(2, 3, num_tokens), torch.rand(2, 3, num_tokens)
    state = torch.randn(2, 3, 8, 8)
    got, last = delta_rule(q, k, v, g, b, state)
    for t in range(num_tokens):
        state = state * g[:, :, t, None, None].exp()
        news = b[:, :, t, None] * (v[:, :, t] - (k[:, :, t, None] @ state)[:, :, 0])
        state = state + k[:, :, t, :, None] * news[:, :, None]
        torch.testing.assert_close(got[:, :, t], (q[:, :, t, None] @ state)[:, :, 0], atol=1e-4, rtol=0)
    torch.testing.assert_close(last, state, atol=1e-4, rtol=0)


@pytest.mark.parametrize("attention", ["full", "prefix"])
def test_recurrent_blocks_say_that_they_look_back_only(attention: str, make_trunk: MakeTrunk) -> None:
    with pytest.raises(UserError, match="recurrent blocks cannot serve this task"):
        make_trunk(block="recurrent")(Tokens(torch.ones(1, 2, 32)), attention)


def test_swiglu_has_as_many_parameters_as_squared_relu() -> None:
    one, other = (
        sum(p.numel() for p in Transformer(TransformerSettings(96, 1, 4, block=block)).parameters())
        for block in ("attention", "swiglu")
    )
    assert one == other


@pytest.mark.parametrize(
    ("given_", "where"),
    [
        ({"block": "recurent"}, "model.block"),
        ({"block": "recurrent", "block_settings": {"attention_evry": 2}}, "model.block_settings.attention_evry"),
        ({"block": "recurrent", "block_settings": {"attention_every": -1}}, "model.block_settings.attention_every"),
        ({"block_settings": {"attention_every": 2}}, "model.block_settings.attention_every"),
    ],
)
def test_options_that_do_not_fit_are_refused(given_: dict[str, object], where: str) -> None:
    with pytest.raises(UserError) as caught:
        TransformerSettings(32, 2, 4, **given_)  # type: ignore[arg-type]
    assert caught.value.where == where


@EVERY
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf")  # the compiler's own look
def test_the_trunk_is_compiled_as_one_graph(name: str, make_trunk: MakeTrunk, make_rows: MakeRows) -> None:
    trunk = make_trunk(**OPTIONS[name])
    torch._dynamo.reset()
    compiled = torch.compile(trunk, backend="eager", fullgraph=True)
    for size in (5, 70):
        x = torch.stack(make_rows([size, size]))
        torch.testing.assert_close(
            compiled(Tokens(x), attention_of(trunk)).features,
            trunk(Tokens(x), attention_of(trunk)).features,
            atol=TOLERANCE,
            rtol=0,
        )


def test_a_convolution_reaches_as_far_as_its_kernel(make_trunk: MakeTrunk, make_rows: MakeRows) -> None:
    trunk = make_trunk(block="conformer", depth=1, block_settings={"kernel": 3})
    convolution, (row,) = trunk.blocks[0].attention.convolution, make_rows([9])
    changed = row.clone()
    changed[4] += 1
    with torch.inference_mode():
        moved = (convolution(row[None], None) - convolution(changed[None], None))[0].abs().sum(1) > 1e-6
    assert moved.nonzero().flatten().tolist() == [3, 4, 5]


def test_a_kernel_has_a_middle() -> None:
    with pytest.raises(UserError, match="kernel"):
        TransformerSettings(width=8, depth=1, heads=2, block="conformer", block_settings={"kernel": 4})


def test_half_of_the_depth_is_told_in_training_alone(make_trunk: MakeTrunk, make_rows: MakeRows) -> None:
    x = torch.stack(make_rows([5, 5]))
    for depth, is_told in ((1, False), (2, True), (4, True)):
        trunk = make_trunk(depth=depth)
        assert trunk(Tokens(x), "causal").halfway is None
        halfway = trunk.train()(Tokens(x), "causal").halfway
        assert (halfway is not None) == is_told
