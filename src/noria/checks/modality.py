"""The checks of a modality: beside those of every component what it shows, how it augments, and what it embeds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import numpy as np

from noria.checks.component import Component, check_inverse, check_learning_and_encoding
from noria.checks.failure import TOLERANCE, WIDTH, check, json_round_trip, require, seeded
from noria.contract import Modality, dispatch
from noria.contract.capabilities import (
    Attributable,
    Augments,
    Converses,
    DescribesValues,
    Displays,
    Tabulates,
    Vectorizes,
    declared,
)
from noria.types import Media, Panel, Tokens, Values, as_tensors

if TYPE_CHECKING:
    from torch import Tensor


def check_modality(modality: Modality, values: Values) -> None:
    """Check a modality on raw values, at least three, all of them good."""
    subject = Component(modality, values, modality.is_optional)
    check_learning_and_encoding(subject)
    if declared(modality, Displays):
        check_display(subject, modality)
        shown = [dispatch.display(modality, subject.row(index), subject.state) for index in range(subject.count)]
        check_inverse(subject, shown)
    check_cost(subject, modality)
    check_embedder(subject, modality)
    if declared(modality, DescribesValues):
        check_value_facts(subject, modality)
    if declared(modality, Attributable):
        check_spans(subject, modality)
    if converses := declared(modality, Converses):
        check_conversations(subject, modality, converses.takes_tools(subject.state))
    check_evaluation(subject, modality)
    check_padded_tokens(subject, modality)
    if declared(modality, Vectorizes):
        check_features(subject, modality)
    if declared(modality, Tabulates):
        check_rows(subject, modality)
    if augments := declared(modality, Augments):
        check_augment(subject, modality, augments)


@check
def check_display(subject: Component, modality: Modality) -> None:
    """Every encoded value can be shown: as a picture, a text, a sound, a dict of cells or a panel."""
    for index in range(subject.count):
        shown = dispatch.display(modality, subject.row(index), subject.state)
        is_shown = isinstance(shown, np.ndarray | str | Mapping | Panel | Media)
        require(is_shown, f"display must give what can be shown: {shown!r}")


@check
def check_cost(subject: Component, modality: Modality) -> None:
    """What a value comes to is told without an error, of broken ones too, and is not negative."""
    values = [subject.value(index) for index in range(subject.count)]
    halves = [value[: len(value) // 2] for value in values if isinstance(value, bytes | str)]
    for value in (*values, *halves, b"", "", None, 1.5):
        cost = dispatch.cost(modality, value)
        counts = [getattr(cost, one.name) for one in fields(cost)]
        require(all(0 <= count < float("inf") for count in counts), f"a value cannot come to {cost}")


@check
def check_value_facts(subject: Component, modality: Modality) -> None:
    """What is known of training values is an object of JSON; an example among it can be encoded, and is known."""
    facts = dispatch.value_facts(modality, subject.state)
    is_same = isinstance(facts, dict) and json_round_trip(facts) == facts
    require(is_same, f"the facts of values are no object of JSON: {facts!r}")
    if "example" not in facts:
        return
    encoded = modality.encode([facts["example"]], subject.state)
    require(not encoded.bad, f"the known example cannot be encoded: {encoded.bad}")
    if (meter := dispatch.drift_meter(modality, subject.state)) is not None:
        meter.see([facts["example"]], encoded.arrays)
        require(not meter.sentences(), f"the known example is unlike training: {meter.sentences()}")


@check
def check_embedder(subject: Component, modality: Modality) -> None:
    """The embedder gives finite tokens [B, T, D] of the width that it says, with a mask and positions of that shape."""
    import torch

    embed = _embedder(subject, modality)
    tokens = _embedded(embed, _tensors(subject))
    shape, width = tuple(tokens.features.shape), embed.width
    require(len(shape) == 3 and shape[0] == subject.count, f"an embedder gives [B, T, D], not {list(shape)}")
    require(shape[2] == width, f"the embedder's width is {width}, its tokens have {shape[2]} features")
    require(bool(tokens.features.isfinite().all()), "the embedder gives what is not a finite number")
    if tokens.is_real is not None:
        right = tokens.is_real.dtype == torch.bool and tuple(tokens.is_real.shape) == shape[:2]
        require(right, "is_real must be bool[B, T]")
    if tokens.positions is not None:
        require(tuple(tokens.positions.shape) == shape[:2], "positions must be int[B, T]")


@check
def check_spans(subject: Component, modality: Modality) -> None:
    """There are as many spans as tokens."""
    tokens = _embedded(_embedder(subject, modality), _tensors(subject))
    for index in range(subject.count):
        real, spans = len(_real(tokens, index)), len(dispatch.spans(modality, subject.value(index), subject.state))
        require(spans == real, f"value {index} has {real} tokens and {spans} spans")


@check
def check_conversations(subject: Component, modality: Modality, takes_tools: bool) -> None:
    """A conversation can be encoded; one with tools is where they are taken, and refused with a reason elsewhere."""
    talk = [{"role": "user", "content": "Is it raining?"}]
    tools = [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}]
    encoded = modality.encode([talk, {"messages": talk, "tools": tools}], subject.state)
    require(0 not in encoded.bad, f"a conversation cannot be encoded: {encoded.bad.get(0)}")
    require((1 not in encoded.bad) == takes_tools, f"takes_tools says {takes_tools}, encode: {encoded.bad.get(1)}")


@check
def check_evaluation(subject: Component, modality: Modality) -> None:
    """Nothing is left to chance in evaluation: the same value has the same tokens under every seed."""
    embed = _embedder(subject, modality)
    one, other = (seeded(lambda: _embedded(embed, _tensors(subject)), seed).features for seed in (0, 1))
    require(bool((one == other).all()), "the embedder gives other tokens in evaluation under another seed")


@check
def check_padded_tokens(subject: Component, modality: Modality) -> None:
    """A value has the same tokens whatever else is in its batch, and however much it is padded there."""
    import torch

    embed = _embedder(subject, modality)
    tokens = _embedded(embed, _tensors(subject))
    shortest = min(range(subject.count), key=lambda index: len(_real(tokens, index)))
    for index in (0, shortest, subject.count - 1):
        alone = _real(_embedded(embed, _tensors(subject, slice(index, index + 1))), 0)
        first = _real(tokens, index)
        same = first.shape == alone.shape and torch.allclose(first, alone, TOLERANCE, TOLERANCE)
        require(same, f"the embedder gives value {index} other tokens when it stands alone")


@check
def check_features(subject: Component, modality: Modality) -> None:
    """The features of a linear model are finite, of the numbers that there are, and the same alone and in a batch."""
    vectorizer: Any = dispatch.vectorizer(modality, subject.state)
    require(0 < vectorizer.plain <= vectorizer.size, f"{vectorizer.plain} of {vectorizer.size} features are plain")
    rows = _features(vectorizer, _tensors(subject))
    require(rows.shape[0] == subject.count, f"{subject.count} values have the features of {rows.shape[0]}")
    require(bool(np.isfinite(rows).all()), "a feature is not a finite number")
    for index in (0, subject.count - 1):
        alone = _features(vectorizer, _tensors(subject, slice(index, index + 1)))[0]
        same = np.allclose(alone, rows[index], TOLERANCE, TOLERANCE)
        require(same, f"value {index} has other features when it stands alone")


@check
def check_rows(subject: Component, modality: Modality) -> None:
    """The columns that trees read are as many for every value, and codes of categories count from 0."""
    tabulator: Any = dispatch.tabulator(modality, subject.state)
    rows = tabulator(_tensors(subject)).numpy()
    shape = (subject.count, len(tabulator.is_code))
    require(rows.shape == shape, f"rows of shape {list(rows.shape)} stand for {list(shape)}")
    codes = rows[:, np.array(tabulator.is_code, bool)]
    require(bool((codes == codes.round()).all() and (codes >= 0).all()), "a code of a category is no number from 0")
    alone = tabulator(_tensors(subject, slice(0, 1))).numpy()
    require(np.array_equal(alone, rows[:1], equal_nan=True), "value 0 has other columns when it stands alone")


@check
def check_augment(subject: Component, modality: Modality, augments: Augments) -> None:
    """Augmented arrays follow torch's seed, belong to the same records, and can be embedded."""
    one, other = (seeded(lambda: augments.augment(_tensors(subject))) for _ in range(2))
    require_seeded(one, other)
    require(one.keys() == _tensors(subject).keys(), f"augmenting gives other arrays: {', '.join(one)}")
    for name, value in one.items():
        require(len(value) == subject.count, f"augmenting gives {len(value)} {name!r} for {subject.count} values")
    tokens = _embedded(_embedder(subject, modality), one)
    require(bool(tokens.features.isfinite().all()), "what is augmented is embedded as what is not a finite number")


def require_seeded(one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> None:
    """Require that two results under one seed are the same."""
    for name, value in one.items():
        same = value.shape == other[name].shape and bool((value == other[name]).logical_or(value.isnan()).all())
        require(same, f"augmenting gives other {name!r} under the same seed of torch")


def _embedder(subject: Component, modality: Modality) -> Any:
    return seeded(lambda: modality.embedder(subject.state, WIDTH)).eval()


def _embedded(embed: Any, tensors: dict[str, Tensor]) -> Tokens:
    import torch

    with torch.inference_mode():
        tokens: Tokens = embed(tensors)
    return tokens


def _features(vectorizer: Any, tensors: dict[str, Tensor]) -> np.ndarray:
    """Return float[n, features], the values of one feature added up."""
    import torch

    with torch.inference_mode():
        ids, values = vectorizer(tensors)
    is_one = bool(((ids >= 0) & (ids < vectorizer.size)).all())
    require(is_one, f"a feature is none of the {vectorizer.size} that there are")
    return torch.zeros(len(ids), vectorizer.size).scatter_add_(1, ids, values.float()).numpy()


def _real(tokens: Tokens, index: int) -> Tensor:
    """Return the real tokens of one record, float[T, D]."""
    return tokens.features[index] if tokens.is_real is None else tokens.features[index, tokens.is_real[index]]


def _tensors(subject: Component, indices: slice = slice(None)) -> dict[str, Tensor]:
    return as_tensors(subject.arrays, indices, "cpu")
