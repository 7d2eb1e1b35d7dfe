"""From tokens to boxes: where places lie, which tokens learn a box, and that a box that is learnt comes back."""

from __future__ import annotations

import math

import torch

from noria.targets.boxes.head import (
    EachPlace,
    assign,
    best_candidates,
    boxes_at,
    detection_loss,
    generalised_iou,
    grid_places,
    plain_iou,
)
from noria.types import Tokens

GRIDS = ((6, 8), (3, 4))


def test_places_are_the_middles_of_cells_of_each_map_row_by_row() -> None:
    places = grid_places(GRIDS)[0]
    assert places.shape == (6 * 8 + 3 * 4, 4)
    torch.testing.assert_close(places[1], torch.tensor([1.5 / 8, 0.5 / 6, 1 / 8, 1 / 6]))
    torch.testing.assert_close(places[48 + 4], torch.tensor([0.5 / 4, 1.5 / 3, 1 / 4, 1 / 3]))


def test_sides_count_cells_from_the_middle() -> None:
    sides = torch.tensor([2.0, 1.0, 3.0, 0.5]).log()
    box = boxes_at(sides, torch.tensor([0.5, 0.4, 0.1, 0.2]))
    torch.testing.assert_close(box, torch.tensor([0.3, 0.2, 0.8, 0.5]))


def test_a_huge_side_stays_finite() -> None:
    assert boxes_at(torch.full((4,), 1e4), torch.tensor([0.5, 0.5, 0.1, 0.1])).isfinite().all()


def test_the_generalised_overlap_tells_how_far_apart_boxes_are() -> None:
    box = torch.tensor([0.1, 0.1, 0.3, 0.3])
    near, far = box + torch.tensor([0.25, 0, 0.25, 0]), box + torch.tensor([0.6, 0, 0.6, 0])
    assert plain_iou(box, near) == plain_iou(box, far) == 0
    assert generalised_iou(box, box) > 0.999
    assert 0 > generalised_iou(box, near) > generalised_iou(box, far) > -1


def learnt(true: torch.Tensor, labels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    places = grid_places(GRIDS).expand(len(true), -1, -1)
    scores = torch.full((*places.shape[:2], 2), 0.01)
    return assign(scores, boxes_at(torch.zeros_like(places), places), places, true, labels)


def test_only_tokens_inside_a_box_learn_it_and_at_most_ten() -> None:
    true = torch.tensor([[[0.0, 0.0, 0.6, 0.7], [0.7, 0.7, 0.95, 0.95], [0, 0, 0, 0]]])
    goals, which, weights = learnt(true, torch.tensor([[1, 0, -1]]))
    places = grid_places(GRIDS)[0]
    for token in range(len(places)):
        if weights[0, token] > 0:
            left, top, right, bottom = true[0, which[0, token]]
            assert left < places[token, 0] < right
            assert top < places[token, 1] < bottom
            assert int(goals[0, token].argmax()) == (1, 0)[which[0, token]]
    assert 1 <= (weights[0, which[0] == 0] > 0).sum() <= 10
    assert (weights[0, which[0] == 1] > 0).any()
    assert (goals.amax(2) > 0).sum() <= (weights > 0).sum()


def test_a_box_between_the_places_is_learnt_by_the_nearest() -> None:
    tiny = torch.tensor([[[0.26, 0.34, 0.28, 0.36]]])  # between the middles of all cells
    _, _, weights = learnt(tiny, torch.tensor([[0]]))
    token = int(weights.argmax())
    assert (weights > 0).sum() == 1
    assert token == 2 * 8 + 2 or token == 48 + 4 + 1


def test_a_picture_without_boxes_teaches_that_nothing_is_there() -> None:
    places = grid_places(GRIDS).expand(2, -1, -1)
    logits = torch.zeros(2, places.shape[1], 3, requires_grad=True)
    output = {"logits": logits, "sides": torch.zeros(2, places.shape[1], 4), "places": places}
    for true in (torch.zeros(2, 0, 4), torch.full((2, 2, 4), -1.0)):
        logits.grad = None
        parts = detection_loss(output, true, torch.full(true.shape[:2], -1))
        parts["loss"].backward()
        assert logits.grad is not None
        assert (logits.grad > 0).all()


def test_padding_of_boxes_changes_nothing() -> None:
    torch.manual_seed(0)
    places = grid_places(GRIDS)
    output = {"logits": torch.randn(1, 60, 2), "sides": torch.randn(1, 60, 4), "places": places}
    true, labels = torch.tensor([[[0.1, 0.2, 0.5, 0.6]]]), torch.tensor([[1]])
    plain = detection_loss(output, true, labels)
    padded = detection_loss(output, torch.cat([true, torch.full((1, 2, 4), -1.0)], 1), torch.tensor([[1, -1, -1]]))
    torch.testing.assert_close(plain["each"], padded["each"])


def test_outputs_that_follow_the_loss_find_the_boxes() -> None:
    places = grid_places(GRIDS)
    true = torch.tensor([[[0.05, 0.1, 0.4, 0.45], [0.5, 0.4, 0.97, 0.95]]])
    logits = torch.full((1, 60, 2), math.log(0.01 / 0.99), requires_grad=True)
    sides = torch.full((1, 60, 4), 0.7, requires_grad=True)
    optimizer = torch.optim.Adam([logits, sides], 0.05)
    for _ in range(400):
        optimizer.zero_grad()
        output = {"logits": logits, "sides": sides, "places": places}
        detection_loss(output, true, torch.tensor([[0, 1]]))["loss"].backward()
        optimizer.step()
    with torch.no_grad():
        best = best_candidates({"logits": logits, "sides": sides, "places": places}, 20)
    for label in (0, 1):
        first = int((best["labels"][0] == label).int().argmax())
        assert best["scores"][0, first] > 0.8
        assert plain_iou(best["boxes"][0, first], true[0, label]) > 0.9
    assert (best["scores"][0].diff() <= 0).all()


def test_the_head_answers_for_each_token_alone() -> None:
    torch.manual_seed(0)
    head = EachPlace(16, 3)
    features = torch.randn(2, 60, 16)
    whole = head(Tokens(features, grids=GRIDS))
    assert whole["places"].shape == whole["sides"].shape == (2, 60, 4)
    part = head(Tokens(features[:, 5:9]))
    torch.testing.assert_close(part["logits"], whole["logits"][:, 5:9])
    assert "places" not in part
    assert 0.005 < float(whole["logits"].detach().sigmoid().mean()) < 0.02
