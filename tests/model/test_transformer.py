"""The trunk: the same answer however rows are batched and padded, and no look at what is masked."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from noria.errors import UserError, UserErrors
from noria.model.layers.attention_mask import attention_mask
from noria.model.layers.fused_ops import norm
from noria.model.settings import TransformerSettings, settings_of_size
from noria.model.transformer import Transformer
from noria.types import Tokens

TOLERANCE = 2e-5  # float32, features of root mean square 1
ATTENTIONS = ["full", "causal", "prefix"]
MakeTrunk = Callable[..., Transformer]
MakeRows = Callable[..., list[Tensor]]
Spread = Callable[[list[Tensor], Tensor], Tokens]


def run(trunk: Transformer, tokens: Tokens, attention: str, num_prefix: list[int] | None = None) -> Tensor:
    """Return the features; the first `num_prefix` real tokens of each row (by default 2) are its prefix."""
    x, is_real, *_ = tokens
    is_prefix = None
    if attention == "prefix":
        order = torch.ones(x.shape[:2]).cumsum(1) if is_real is None else is_real.cumsum(1)
        is_prefix = order <= torch.tensor(num_prefix or [2] * len(x))[:, None]
    with torch.inference_mode():
        return trunk(tokens, attention, is_prefix).features  # type: ignore[arg-type, no-any-return]


@pytest.mark.parametrize("settings_", [{}, {"positions": "none"}])
@pytest.mark.parametrize("where", ["left", "right", "between"])
@pytest.mark.parametrize("attention", ATTENTIONS)
def test_padded_equals_unpadded_wherever_the_padding_stands(
    attention: str, where: str, settings_: dict[str, object], make_trunk: MakeTrunk, make_rows: MakeRows, spread: Spread
) -> None:
    places, lengths = torch.arange(7), torch.tensor([7, 3, 5])[:, None]
    is_real = {
        "right": places < lengths,
        "left": places >= 7 - lengths,
        "between": (places < 2) | (places >= 9 - lengths),
    }[where]
    assert is_real.sum(1).tolist() == [7, 3, 5]
    trunk, rows = make_trunk(**settings_), make_rows([7, 3, 5])
    got = run(trunk, spread(rows, is_real), attention)
    for i, row in enumerate(rows):
        expected = run(trunk, Tokens(row[None]), attention)[0]
        torch.testing.assert_close(got[i][is_real[i]], expected, atol=TOLERANCE, rtol=0)


@settings(deadline=None, max_examples=25)
@given(data=st.data(), attention=st.sampled_from(ATTENTIONS))
def test_padded_equals_unpadded_for_any_lengths_and_any_padding(
    data: st.DataObject, attention: str, make_trunk: MakeTrunk, make_rows: MakeRows, spread: Spread
) -> None:
    num_rows, num_tokens = data.draw(st.integers(1, 4)), data.draw(st.integers(1, 9))
    a_row = st.lists(st.booleans(), min_size=num_tokens, max_size=num_tokens).filter(any)
    is_real = torch.tensor(data.draw(st.lists(a_row, min_size=num_rows, max_size=num_rows)))
    rows = make_rows(is_real.sum(1).tolist())
    num_prefix = [data.draw(st.integers(1, len(row))) for row in rows]
    trunk = make_trunk()
    got = run(trunk, spread(rows, is_real), attention, num_prefix)
    assert torch.isfinite(got).all()
    for i, row in enumerate(rows):
        expected = run(trunk, Tokens(row[None]), attention, num_prefix[i : i + 1])[0]
        torch.testing.assert_close(got[i][is_real[i]], expected, atol=TOLERANCE, rtol=0)


@pytest.mark.parametrize("attention", ATTENTIONS)
def test_a_batch_of_one_equals_a_batch_of_many(attention: str, make_trunk: MakeTrunk, make_rows: MakeRows) -> None:
    trunk, x = make_trunk(), torch.stack(make_rows([6] * 5))
    many = run(trunk, Tokens(x), attention)
    one = torch.cat([run(trunk, Tokens(row[None]), attention) for row in x])
    torch.testing.assert_close(many, one, atol=TOLERANCE, rtol=0)


def test_a_causal_output_does_not_change_when_later_tokens_change_and_a_full_one_does(
    make_trunk: MakeTrunk, make_rows: MakeRows
) -> None:
    trunk, (row, other) = make_trunk(), make_rows([6, 6])
    changed = torch.cat([row[:4], other[4:]])
    before, after = Tokens(row[None]), Tokens(changed[None])
    torch.testing.assert_close(
        run(trunk, before, "causal")[0, :4], run(trunk, after, "causal")[0, :4], atol=1e-6, rtol=0
    )
    difference = (run(trunk, before, "full") - run(trunk, after, "full"))[0, :4].abs().amax(-1)
    assert (difference > 1e-3).all()


@pytest.mark.parametrize("attention", ATTENTIONS)
def test_an_output_depends_on_exactly_the_tokens_the_mask_shows(
    attention: str, make_trunk: MakeTrunk, make_rows: MakeRows
) -> None:
    is_prefix = torch.tensor([[True, True, True, False, False, False]]) if attention == "prefix" else None
    trunk, x = make_trunk(depth=3), make_rows([6])[0][None].requires_grad_()
    features = trunk(Tokens(x), attention, is_prefix).features[0]  # type: ignore[arg-type]
    depends = [torch.autograd.grad(line.square().sum() + line.sum(), x, retain_graph=True)[0] for line in features]
    got = torch.stack([gradient[0].abs().amax(-1) > 0 for gradient in depends])
    mask = attention_mask(attention, 6, is_prefix=is_prefix)  # type: ignore[arg-type]
    expected = torch.ones(6, 6, dtype=torch.bool) if mask is None else mask[0, 0]
    assert torch.equal(got, expected)


def test_gradient_reaches_every_parameter(make_trunk: MakeTrunk, make_rows: MakeRows) -> None:
    trunk = make_trunk().train()
    trunk(Tokens(torch.stack(make_rows([5, 5]))), "causal").features.pow(3).sum().backward()
    silent = [name for name, p in trunk.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert silent == []
    assert len(list(trunk.parameters())) == 2 * 7


def test_a_new_block_is_the_identity_and_learns_from_the_first_step(make_rows: MakeRows) -> None:
    trunk, x = Transformer(TransformerSettings(32, 2, 4)), torch.stack(make_rows([5, 5]))
    features = trunk(Tokens(x), "full").features
    torch.testing.assert_close(features, norm(x))
    features.pow(3).sum().backward()
    outs = [p for name, p in trunk.named_parameters() if name.endswith(("out.weight", "narrow.weight"))]
    assert len(outs) == 4
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in outs)


def test_depth_0_is_the_identity_without_parameters(make_trunk: MakeTrunk, make_rows: MakeRows) -> None:
    trunk = Transformer(TransformerSettings(width=32, depth=0, heads=5))
    tokens = Tokens(make_rows([4])[0][None], torch.ones(1, 4, dtype=torch.bool))
    assert trunk(tokens, "causal") is tokens
    assert trunk(tokens, "causal", None, trunk.new_cache(1, 4)) is tokens
    assert list(trunk.parameters()) == []


def test_mask_and_positions_pass_through(make_trunk: MakeTrunk, make_rows: MakeRows) -> None:
    tokens = Tokens(make_rows([3])[0][None], torch.ones(1, 3, dtype=torch.bool), torch.tensor([[0, 5, 6]]))
    out = make_trunk()(tokens, "full")
    assert out.is_real is tokens.is_real
    assert out.positions is tokens.positions
    assert out.features.shape == tokens.features.shape


@pytest.mark.parametrize("is_bfloat16", [False, True])
@pytest.mark.parametrize("attention", ATTENTIONS)
def test_rows_of_padding_alone_give_no_nan_and_no_nan_gradient(
    attention: str, is_bfloat16: bool, make_trunk: MakeTrunk, make_rows: MakeRows
) -> None:
    trunk, x = make_trunk(), torch.stack(make_rows([4, 4]))
    is_real = torch.tensor([[False] * 4, [False, True, True, False]])
    is_prefix = is_real.clone() if attention == "prefix" else None
    with torch.autocast("cpu", torch.bfloat16, enabled=is_bfloat16):
        features = trunk(Tokens(x, is_real), attention, is_prefix).features  # type: ignore[arg-type]
        features[1, 1:3].square().sum().backward()
    assert torch.isfinite(features).all()
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in trunk.parameters())


def test_dropout_is_off_in_eval_and_on_in_training(make_trunk: MakeTrunk, make_rows: MakeRows) -> None:
    tokens = Tokens(make_rows([6])[0][None])
    dropping, plain = make_trunk(dropout=0.5), make_trunk()
    expected = plain(tokens, "full").features
    assert torch.equal(dropping(tokens, "full").features, expected)
    torch.manual_seed(0)
    assert not torch.allclose(dropping.train()(tokens, "full").features, expected, atol=0.1)
    assert torch.equal(plain.train()(tokens, "full").features, expected)


@pytest.mark.parametrize("silenced", ["out.weight", "narrow.weight"])
def test_dropout_drops_from_both_branches(silenced: str, make_trunk: MakeTrunk, make_rows: MakeRows) -> None:
    trunk, tokens = make_trunk(dropout=0.5), Tokens(make_rows([6])[0][None])
    for name, parameter in trunk.named_parameters():
        if name.endswith(silenced):
            nn.init.zeros_(parameter)
    expected = trunk(tokens, "full").features
    torch.manual_seed(0)
    assert not torch.allclose(trunk.train()(tokens, "full").features, expected, atol=0.1)


def test_large_query_and_key_weights_do_not_sharpen_attention(make_trunk: MakeTrunk, make_rows: MakeRows) -> None:
    trunk, tokens = make_trunk(), Tokens(make_rows([6])[0][None])
    expected = run(trunk, tokens, "causal")
    for name, parameter in trunk.named_parameters():
        if name.endswith(("query.weight", "key.weight")):
            parameter.data.mul_(50)
    torch.testing.assert_close(run(trunk, tokens, "causal"), expected, atol=1e-3, rtol=0)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-4), (torch.bfloat16, 0.02)])
def test_the_norm_lifts_small_features_to_1(dtype: torch.dtype, tolerance: float, make_rows: MakeRows) -> None:
    x = (make_rows([6])[0] * 0.1).to(dtype)
    size = norm(x).float().square().mean(-1).sqrt()
    torch.testing.assert_close(size, torch.ones(6), atol=tolerance, rtol=0)


@pytest.mark.parametrize("how", ["autocast", "weights"])
@pytest.mark.parametrize("attention", ATTENTIONS)
def test_bfloat16_is_close_to_float32(attention: str, how: str, make_trunk: MakeTrunk, make_rows: MakeRows) -> None:
    trunk, tokens = make_trunk(), Tokens(torch.stack(make_rows([40, 40])))
    expected = run(trunk, tokens, attention)
    if how == "autocast":
        with torch.autocast("cpu", torch.bfloat16):
            got = run(trunk, tokens, attention)
        assert got.dtype == torch.float32  # the stream itself stays exact
    else:
        got = run(trunk.to(torch.bfloat16), Tokens(tokens.features.bfloat16()), attention)
        assert got.dtype == torch.bfloat16
    distance = (got.float() - expected).square().mean().sqrt()
    assert distance < 0.03  # features have root mean square 1; bfloat16 rounds to 0.004


def test_positions_count_by_distance_alone_and_far_ones_stay_exact(make_trunk: MakeTrunk, make_rows: MakeRows) -> None:
    trunk, x = make_trunk(), make_rows([6])[0][None]
    near, far = torch.arange(6)[None], torch.arange(6)[None] + 5000
    expected = run(trunk, Tokens(x), "causal")
    assert torch.equal(run(trunk, Tokens(x, None, near), "causal"), expected)
    torch.testing.assert_close(run(trunk, Tokens(x, None, far), "causal"), expected, atol=2e-3, rtol=0)
    assert not torch.allclose(run(trunk, Tokens(x, None, near * 2), "causal"), expected, atol=1e-2)


@pytest.mark.parametrize(("positions", "is_set"), [("none", True), ("rotary", False)])
def test_without_positions_tokens_are_a_set(
    positions: str, is_set: bool, make_trunk: MakeTrunk, make_rows: MakeRows
) -> None:
    trunk, x = make_trunk(positions=positions), make_rows([6])[0][None]
    turned = run(trunk, Tokens(x.flip(1)), "full").flip(1)
    assert torch.allclose(turned, run(trunk, Tokens(x), "full"), atol=TOLERANCE) == is_set


def test_arguments_that_contradict_each_other_are_refused(make_trunk: MakeTrunk) -> None:
    trunk, tokens, is_prefix = make_trunk(), Tokens(torch.ones(1, 2, 32)), torch.ones(1, 2, dtype=torch.bool)
    with pytest.raises(ValueError, match="needs is_prefix"):
        trunk(tokens, "prefix")
    with pytest.raises(ValueError, match="belongs to attention 'prefix'"):
        trunk(tokens, "causal", is_prefix)


def test_all_settings_that_do_not_fit_are_named_at_once() -> None:
    with pytest.raises(UserErrors) as caught:
        TransformerSettings(width=30, depth=-1, heads=4, mlp_ratio=0, dropout=1, positions="learnt", rotary_base=1)  # type: ignore[arg-type]
    wrong = [problem.where for problem in caught.value.problems]
    names = ["depth", "heads", "mlp_ratio", "dropout", "positions", "rotary_base"]
    assert wrong == [f"model.{name}" for name in names]


def test_rotary_heads_are_even_and_others_may_be_odd() -> None:
    with pytest.raises(UserError, match="even"):
        TransformerSettings(width=9, depth=1, heads=3)
    TransformerSettings(width=9, depth=1, heads=3, positions="none")


@pytest.mark.parametrize(("name", "millions"), [("tiny", 0.8), ("small", 10.6), ("base", 85)])
def test_a_named_size_has_the_parameters_its_file_promises(name: str, millions: float) -> None:
    with torch.device("meta"):
        trunk = Transformer(TransformerSettings(**settings_of_size(name)))  # type: ignore[arg-type]
    assert sum(p.numel() for p in trunk.parameters()) == pytest.approx(millions * 1e6, rel=0.02)


def test_an_unknown_size_gets_the_nearest_name() -> None:
    with pytest.raises(UserError, match="did you mean 'small'"):
        settings_of_size("smal")


@pytest.mark.parametrize("attention", ATTENTIONS)
def test_the_trunk_is_traced_as_one_graph(attention: str, make_trunk: MakeTrunk, make_rows: MakeRows) -> None:
    trunk, x = make_trunk(), torch.stack(make_rows([5, 5]))
    is_real = torch.arange(5) < torch.tensor([[5], [3]])
    is_prefix = is_real & (torch.arange(5) < 2) if attention == "prefix" else None
    compiled = torch.compile(trunk, backend="eager", fullgraph=True)
    with torch.inference_mode():
        got = compiled(Tokens(x, is_real), attention, is_prefix).features
        expected = trunk(Tokens(x, is_real), attention, is_prefix).features  # type: ignore[arg-type]
    torch.testing.assert_close(got, expected, atol=TOLERANCE, rtol=0)


class Exportable(nn.Module):
    """Tensors in, one tensor out."""

    def __init__(self, trunk: Transformer, attention: str) -> None:
        super().__init__()
        self.trunk, self.attention = trunk, attention

    def forward(self, features: Tensor, is_real: Tensor) -> Tensor:
        is_prefix = is_real.cumsum(1) <= 2 if self.attention == "prefix" else None
        out: Tensor = self.trunk(Tokens(features, is_real), self.attention, is_prefix).features
        return out


@pytest.mark.parametrize("attention", [pytest.param("full", marks=pytest.mark.slow), "causal", "prefix"])
def test_the_exported_trunk_gives_equal_outputs_at_any_size(
    attention: str, tmp_path: Path, make_trunk: MakeTrunk, make_rows: MakeRows
) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    model, path = Exportable(make_trunk(), attention).eval(), tmp_path / "trunk.onnx"
    batch, length = torch.export.Dim("batch"), torch.export.Dim("length")
    shapes = {"features": {0: batch, 1: length}, "is_real": {0: batch, 1: length}}
    example = (torch.stack(make_rows([5, 5])), torch.arange(5) < torch.tensor([[5], [3]]))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's exporter warns about itself
        torch.onnx.export(model, example, path, dynamo=True, dynamic_shapes=shapes, verbose=False)
    session = onnxruntime.InferenceSession(path)
    for num_rows, num_tokens in ((2, 5), (1, 1), (3, 9)):
        x = torch.stack(make_rows([num_tokens] * num_rows))
        is_real = torch.arange(num_tokens) < torch.tensor([[num_tokens]] + [[num_tokens - 1]] * (num_rows - 1))
        with torch.inference_mode():
            expected = model(x, is_real)
        (got,) = session.run(None, {"features": x.numpy(), "is_real": is_real.numpy()})
        torch.testing.assert_close(torch.from_numpy(got), expected, atol=TOLERANCE, rtol=0)
