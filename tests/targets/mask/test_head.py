"""A mask from tokens: which place is which, what the loss looks at, and what it does not."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional

from noria.targets.mask.head import MaskHead, by_products, dice, finest_map, mask_loss
from noria.types import Tokens

VOID = 255


def test_a_token_answers_for_its_own_place_in_the_finest_map() -> None:
    features = torch.zeros(1, 6 * 8 + 3 * 4, 5)
    features[0, 8 * 4 + 6] = 1.0  # row 4, column 6 of 6 x 8
    features[0, 50] = 9.0  # of the coarser map
    found = finest_map(Tokens(features, grids=((6, 8), (3, 4))))
    assert found.shape == (1, 5, 6, 8)
    assert [index.tolist() for index in found[0, 0].nonzero()] == [[4, 6]]


def test_the_answer_has_the_size_of_the_mask_and_lies_where_the_token_does() -> None:
    head = MaskHead(3, (24, 48), [1.0, 1.0]).eval()
    with torch.no_grad():
        head.classify.weight.zero_()
        head.classify.weight[1] = 1
        head.refine.weight.zero_()
        head.refine.weight[:, :, 1, 1] = torch.eye(3)  # a place is refined to itself
    features = torch.zeros(1, 6 * 8, 3)
    features[0, 8 * 4 + 6] = 1.0
    logits = head(Tokens(features, grids=((6, 8),)))["logits"]
    assert logits.shape == (1, 2, 24, 48)
    row, column = divmod(int(logits[0, 1].argmax()), 48)
    assert 16 <= row < 20 and 36 <= column < 42  # noqa: PT018


def test_tokens_that_lie_in_no_map_give_one_answer_for_all_places() -> None:
    logits = MaskHead(3, (4, 4), [1.0, 1.0]).eval()(Tokens(torch.randn(2, 7, 3)))["logits"]
    assert torch.allclose(logits, logits[:, :, :1, :1].expand_as(logits))


def drawn(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    logits, mask = torch.randn(3, 4, 5, 6, generator=generator), torch.randint(0, 4, (3, 5, 6), generator=generator)
    mask[:, :2] = VOID
    return logits, mask.to(torch.uint8)


def test_places_without_a_class_change_nothing() -> None:
    logits, mask = drawn()
    other = logits.clone()
    other[:, :, :2] = torch.randn(3, 4, 2, 6)
    for name, value in mask_loss(logits, mask, VOID, None, 0.7).items():
        assert torch.allclose(value, mask_loss(other, mask, VOID, None, 0.7)[name]), name


def test_the_loss_is_cross_entropy_over_the_places_that_have_a_class() -> None:
    logits, mask = drawn()
    own = mask_loss(logits, mask, VOID, None, 0.0)
    weights = torch.tensor([0.5, 1.0, 3.0, 0.1])
    assert torch.allclose(own["loss"], functional.cross_entropy(logits, mask.long(), ignore_index=VOID))
    weighted = functional.cross_entropy(logits, mask.long(), weights, ignore_index=VOID)
    assert torch.allclose(mask_loss(logits, mask, VOID, weights, 0.0)["loss"], weighted)
    alone = [mask_loss(logits[i : i + 1], mask[i : i + 1], VOID, None, 0.7)["loss"] for i in range(3)]
    assert torch.allclose(mask_loss(logits, mask, VOID, None, 0.7)["each"], torch.stack(alone))


def test_a_batch_without_any_class_has_a_loss_of_nothing() -> None:
    logits, mask = drawn()
    parts = mask_loss(logits.requires_grad_(), torch.full_like(mask, VOID), VOID, None, 0.0)
    assert parts["loss"].item() == 0
    parts["loss"].backward()
    assert logits.grad is not None
    assert not logits.grad.any()


def test_dice_is_one_where_all_is_right_and_counts_as_by_hand() -> None:
    logits, mask = drawn()
    known = mask != VOID
    target = mask.long().masked_fill(~known, 0)
    right = 50.0 * functional.one_hot(target, 4).permute(0, 3, 1, 2)
    assert dice(right, target, known).numpy() == pytest.approx(1, abs=1e-5)
    chances = logits.softmax(1).numpy()
    for image in range(3):
        there = np.asarray(known[image])
        scores = []
        for code in range(4):
            true = (np.asarray(target[image]) == code) & there
            if true.any():
                given = chances[image, code] * there
                scores.append(2 * (given * true).sum() / (given.sum() + true.sum()))
        assert float(dice(logits, target, known)[image]) == pytest.approx(np.mean(scores), rel=1e-4)


@pytest.mark.parametrize(("old", "new"), [((5, 7), (20, 31)), ((8, 8), (3, 5)), ((1, 1), (4, 6)), ((6, 9), (6, 9))])
def test_two_products_are_torchs_own_bilinear_scaling(old: tuple[int, int], new: tuple[int, int]) -> None:
    logits = torch.randn(2, 3, *old, generator=torch.Generator().manual_seed(1), requires_grad=True)
    with torch.autocast("cpu", torch.bfloat16):  # in which the answer is float32 all the same
        found = by_products(logits, new)
    expected = functional.interpolate(logits, new, mode="bilinear", align_corners=False)
    torch.testing.assert_close(found, expected)
    gradients = [torch.autograd.grad(one.square().sum(), logits)[0] for one in (found, expected)]
    torch.testing.assert_close(*gradients)
