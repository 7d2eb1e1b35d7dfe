"""The table's embedder: finite whatever is missing, a code that is piecewise linear, members that differ."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from noria.modalities.table.embedder import FAR, Numbers
from noria.modalities.table.modality import Table

COLUMNS: dict[str, list[Any]] = {
    "age": [str(30 + i % 31) for i in range(40)],
    "size": [f"{0.5 * i * i:.2f}" for i in range(40)],
    "city": ["Bonn", "北京", "Oslo", "Bonn"] * 10,
}
STEMS = ["members", "columns"]


def arrays_of(table: Table, columns: dict[str, list[Any]], state: Any) -> dict[str, torch.Tensor]:
    return {name: torch.from_numpy(values) for name, values in table.encode(columns, state).arrays.items()}


@pytest.mark.parametrize("stem", STEMS)
@pytest.mark.parametrize("chosen", [("age", "size", "city"), ("age",), ("city",)])
def test_there_are_as_many_tokens_as_spans(stem: Any, chosen: tuple[str, ...]) -> None:
    columns = {name: COLUMNS[name] for name in chosen}
    table = Table(stem=stem)
    state = table.fit(columns)
    embedder = table.embedder(state, 32)
    features = embedder(arrays_of(table, columns, state)).features
    assert features.shape == (40, len(table.spans({}, state)), embedder.width)


@pytest.mark.parametrize("stem", STEMS)
def test_rows_without_any_value_are_finite_and_so_are_their_gradients(stem: Any) -> None:
    table = Table(stem=stem)
    state = table.fit(COLUMNS)
    embedder = table.embedder(state, 32)
    features = embedder(arrays_of(table, {name: ["", "?", None] for name in COLUMNS}, state)).features
    assert features.isfinite().all()
    features.square().sum().backward()
    assert all(weight.grad is None or weight.grad.isfinite().all() for weight in embedder.parameters())


@pytest.mark.parametrize("stem", STEMS)
def test_values_far_from_training_are_finite_and_stop_growing(stem: Any) -> None:
    table = Table(stem=stem)
    state = table.fit(COLUMNS)
    embedder = table.embedder(state, 32).eval()
    far = {"age": ["1e6", "1e30", "-1e30"], "size": ["1", "1", "1"], "city": ["Bonn"] * 3}
    features = embedder(arrays_of(table, far, state)).features
    assert features.isfinite().all()
    torch.testing.assert_close(features[0], features[1])
    assert not torch.allclose(features[1], features[2])


def test_a_missing_number_differs_from_a_mean_one() -> None:
    numbers = Numbers([[-1.0, 0.0, 1.0]], 4, [False])
    features = numbers(torch.tensor([[0.0], [float("nan")]]))
    assert not torch.allclose(features[0], features[1])


def test_what_was_never_missing_in_training_is_read_as_the_mean_where_it_is() -> None:
    numbers = Numbers([[-1.0, 0.0, 1.0]], 4, [True])
    features = numbers(torch.tensor([[0.0], [float("nan")]]))
    torch.testing.assert_close(features[0], features[1])


@pytest.mark.parametrize("cell", ["Rome", ""])
def test_a_category_that_training_never_showed_is_the_mean_of_those_it_did(cell: str) -> None:
    table = Table(stem="columns")
    columns = {"city": ["Bonn", "Oslo"] * 20}
    state = table.fit(columns)
    embedder = table.embedder(state, 16).eval()
    known = embedder(arrays_of(table, columns, state)).features[:2].mean(0)
    torch.testing.assert_close(embedder(arrays_of(table, {"city": [cell]}, state)).features[0], known)


def test_a_category_that_was_missing_in_training_keeps_what_it_learnt() -> None:
    table = Table(stem="columns")
    columns = {"city": ["Bonn", "Oslo", ""] * 20}
    state = table.fit(columns)
    embedder = table.embedder(state, 16).eval()
    features = embedder(arrays_of(table, columns, state)).features
    assert not torch.allclose(features[2], features[:2].mean(0))


def test_the_code_of_a_number_bends_at_its_edges_only() -> None:
    numbers = Numbers([[-1.0, 0.0, 2.0], [0.0, 1.0]], 1, [False, False])
    with torch.no_grad():
        numbers.slope.zero_()
        numbers.offset.zero_()
        numbers.pieces[0, :, 0] = torch.tensor([1.0, 10.0])
    given = torch.tensor([[x, 0.0] for x in (-3.0, -1.0, -0.5, 0.0, 1.0, 2.0, 9.0)])
    expected = torch.tensor([0.0, 0.0, 0.5, 1.0, 6.0, 11.0, 11.0])
    torch.testing.assert_close(numbers(given)[:, 0, 0], expected)


def test_the_linear_part_reaches_beyond_the_edges_up_to_a_limit() -> None:
    numbers = Numbers([[-1.0, 1.0]], 1, [False])
    with torch.no_grad():
        numbers.slope.fill_(2.0)
        numbers.offset.zero_()
    torch.testing.assert_close(numbers(torch.tensor([[3.0], [100.0]]))[:, 0, 0], torch.tensor([6.0, 2 * FAR]))


def test_equal_categories_of_different_columns_have_places_of_their_own() -> None:
    table = Table(stem="columns")
    columns = {"a": ["x", "y"] * 10, "b": ["x", "y"] * 10}
    state = table.fit(columns)
    features = table.embedder(state, 16)(arrays_of(table, columns, state)).features
    assert len(torch.unique(features[:2].flatten(0, 1), dim=0)) == 4


def test_members_answer_differently_from_the_start() -> None:
    table = Table(members=4)
    state = table.fit(COLUMNS)
    features = table.embedder(state, 32).eval()(arrays_of(table, COLUMNS, state)).features
    assert len(torch.unique(features[0], dim=0)) == 4


def test_an_answer_does_not_depend_on_the_other_rows() -> None:
    table = Table()
    state = table.fit(COLUMNS)
    embedder = table.embedder(state, 32).eval()
    arrays = arrays_of(table, COLUMNS, state)
    alone = embedder({name: values[7:8] for name, values in arrays.items()}).features
    torch.testing.assert_close(alone[0], embedder(arrays).features[7])
