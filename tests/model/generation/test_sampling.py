"""The next token: every filter against the plainest way to write it, and settings that cannot be."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from noria.errors import UserError
from noria.model.generation.sampling import Chooser, Sampling, settings_schema

DRAWS = 4000


def reference(logits: np.ndarray, s: Sampling, seen: set[int]) -> np.ndarray:
    """Return the probability of each token as the settings say it, token by token."""
    bent = logits.astype(np.float64).copy()
    for token in seen:
        bent[token] = bent[token] / s.repetition_penalty if bent[token] > 0 else bent[token] * s.repetition_penalty
    bent /= s.temperature
    order = sorted(range(len(bent)), key=lambda token: -bent[token])
    kept = order[: s.top_k or len(order)]

    def chances(tokens: list[int]) -> np.ndarray:
        found = np.zeros(len(bent))
        found[tokens] = np.exp(bent[tokens] - bent[tokens].max())
        return found / found.sum()

    mass, fewest = 0.0, []
    for token in kept:
        if mass >= s.top_p:
            break
        fewest.append(token)
        mass += chances(kept)[token]
    likely = chances(fewest)
    return chances([token for token in fewest if likely[token] >= s.min_p * likely.max()])


def drawn(logits: np.ndarray, s: Sampling, seen: set[int], is_allowed: np.ndarray | None = None) -> np.ndarray:
    """Return how often each token is chosen by numbers spread evenly over 0 to 1."""
    chooser = Chooser(s, [0] * DRAWS)
    chooser.numbers = ((torch.arange(DRAWS, dtype=torch.float64) + 0.5) / DRAWS)[:, None]
    if s.repetition_penalty != 1:
        chooser.seen = torch.zeros(DRAWS, len(logits), dtype=torch.bool)
        chooser.seen[:, sorted(seen)] = True
    rows = torch.from_numpy(logits).expand(DRAWS, -1)
    allowed = None if is_allowed is None else torch.from_numpy(is_allowed).expand(DRAWS, -1)
    ids, logprobs = chooser.choose(rows, 0, allowed)
    own = torch.from_numpy(logits).log_softmax(-1)[ids]
    torch.testing.assert_close(logprobs, own, atol=1e-5, rtol=1e-5)
    return np.bincount(ids.numpy(), minlength=len(logits)) / DRAWS


@given(
    seed=st.integers(0, 10**6),
    size=st.sampled_from([5, 40, 300, 700]),  # fewer and more than the candidates that are sorted first
    scale=st.sampled_from([0.05, 1.0, 4.0]),
    temperature=st.sampled_from([0.5, 1.0, 2.0]),
    top_k=st.none() | st.integers(1, 50),
    top_p=st.sampled_from([1.0, 0.95, 0.5, 0.01]),
    min_p=st.sampled_from([0.0, 0.05, 0.5]),
    repetition_penalty=st.sampled_from([1.0, 1.5]),
)
def test_tokens_are_drawn_as_often_as_their_probabilities_say(
    seed: int, size: int, scale: float, **settings: Any
) -> None:
    logits = (np.random.default_rng(seed).standard_normal(size) * scale).astype(np.float32)
    sampling = Sampling(max_tokens=1, **settings)
    expected = reference(logits, sampling, {0, 2, 3})
    found = drawn(logits, sampling, {0, 2, 3})
    np.testing.assert_allclose(found, expected, atol=3 / DRAWS)
    assert not found[expected == 0].any()


def test_only_what_is_allowed_is_drawn_and_filters_count_only_that() -> None:
    logits = np.random.default_rng(0).standard_normal(40).astype(np.float32)
    allowed = np.zeros(40, bool)
    allowed[[3, 5, 7, 11]] = True
    for settings in ({}, {"top_k": 2}, {"top_p": 0.6}, {"min_p": 0.2}):
        sampling = Sampling(temperature=1.0, **settings)  # type: ignore[arg-type]
        expected = np.zeros(40)
        expected[allowed] = reference(logits[allowed], sampling, set())
        np.testing.assert_allclose(drawn(logits, sampling, set(), allowed), expected, atol=3 / DRAWS)


def test_a_single_allowed_token_is_chosen_however_unlikely() -> None:
    logits = torch.full((1, 1000), 50.0)
    logits[0, 900] = -50.0
    allowed = torch.zeros(1, 1000, dtype=torch.bool)
    allowed[0, 900] = True
    for temperature in (0.0, 1.0):
        for settings in ({}, {"top_k": 3}, {"top_p": 0.5}):
            chooser = Chooser(Sampling(max_tokens=1, temperature=temperature, **settings), [1])  # type: ignore[arg-type]
            ids, logprobs = chooser.choose(logits, 0, allowed)
            assert ids.tolist() == [900]
            assert logprobs.item() == pytest.approx(-100 - np.log(999), abs=1e-3)


def test_what_was_said_is_penalised_in_its_own_row_only_and_rows_can_be_dropped() -> None:
    chooser = Chooser(Sampling(repetition_penalty=3.0), [0, 0, 0])
    logits = torch.tensor([[3.0, 2.0, -1.0], [1.0, 3.3, -1.0], [-1.0, -2.0, -4.0]])
    said = [chooser.choose(logits, step)[0].tolist() for step in range(2)]
    assert said == [[0, 1, 0], [1, 1, 1]]  # 3 becomes 1, 3.3 becomes 1.1, and -1 becomes -3
    chooser.select(torch.tensor([2, 0]))
    assert chooser.seen is not None
    assert chooser.seen.tolist() == [[True, True, False], [True, True, False]]


def test_a_longer_answer_begins_as_the_shorter_one() -> None:
    short, long = (Chooser(Sampling(max_tokens=n, temperature=1.0), [7]).numbers for n in (3, 9))
    assert short is not None
    assert long is not None
    assert torch.equal(short, long[:, :3])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("max_tokens", 0),
        ("max_tokens", 10**9),
        ("temperature", -0.1),
        ("temperature", float("nan")),
        ("temperature", 1e9),
        ("top_k", 0),
        ("top_p", 0.0),
        ("top_p", 1.1),
        ("min_p", -0.1),
        ("min_p", 1.1),
        ("repetition_penalty", 0.0),
        ("stop", ("",)),
        ("stop", ("a",) * 65),
        ("seed", -1),
        ("seed", 2**63),
        ("beams", 0),
        ("beams", 1000),
    ],
)
def test_a_setting_that_cannot_be_is_named(name: str, value: Any) -> None:
    with pytest.raises(UserError) as caught:
        Sampling(**{name: value})
    assert caught.value.where == name
    assert caught.value.expected


def test_beams_know_no_chance_and_a_schema_no_regex_beside_it() -> None:
    for settings in ({"temperature": 1.0}, {"stop": ("a",)}, {"json_schema": {}}, {"regex": "a"}):
        with pytest.raises(UserError, match="beams"):
            Sampling(beams=2, **settings)  # type: ignore[arg-type]
    with pytest.raises(UserError, match="none beside json_schema"):
        Sampling(json_schema={}, regex="a")


def test_a_request_changes_what_it_names_and_nothing_else() -> None:
    own = Sampling(temperature=0.5, top_k=3, stop=("x",), seed=4)
    assert own.overridden({}) == own
    changed = own.overridden({"temperature": 1, "top_k": None, "stop": ["a", "b"], "regex": "a+"})
    assert (changed.temperature, changed.top_k, changed.stop, changed.regex, changed.seed) == (
        1,
        None,
        ("a", "b"),
        "a+",
        4,
    )
    assert own.overridden({"stop": "end"}).stop == ("end",)


@pytest.mark.parametrize(
    "settings",
    [
        {"temprature": 1},
        {"beams": 4},
        {"length_penalty": 0.5},
        {"max_tokens": "12"},
        {"max_tokens": True},
        {"max_tokens": 1.5},
        {"max_tokens": None},
        {"temperature": "hot"},
        {"temperature": float("inf")},
        {"top_k": 1.5},
        {"top_p": None},
        {"stop": [1]},
        {"stop": None},
        {"seed": 0.5},
        {"json_schema": "{}"},
        {"regex": ["a"]},
        {"max_tokens": 0},
        {"top_p": 2},
        {"seed": 2**70},
    ],
    ids=str,
)
def test_a_request_that_cannot_be_names_its_setting(settings: dict[str, Any]) -> None:
    with pytest.raises(UserError, match=next(iter(settings))):
        Sampling().overridden(settings)


def test_all_that_is_wrong_with_a_request_is_told_at_once() -> None:
    with pytest.raises(UserError) as caught:
        Sampling().overridden({"temprature": 1, "top_k": "a", "regex": 3})
    for word in ("did you mean 'temperature'", "top_k", "regex"):
        assert word in str(caught.value)


def test_the_schema_knows_every_setting_of_a_request_and_its_limits() -> None:
    schema = settings_schema(100)
    for name, one in schema["properties"].items():
        for key, beyond in (("minimum", -1), ("maximum", 1)):
            if key in one:
                Sampling().overridden({name: one[key]})
                limit = 2**16 if (name, key) == ("max_tokens", "maximum") else one[key]
                with pytest.raises(UserError):
                    Sampling().overridden({name: limit + beyond})
    with pytest.raises(UserError) as caught:
        Sampling().overridden({"nothing": 1})
    assert all(name in caught.value.fix for name in schema["properties"])
    assert schema["properties"]["max_tokens"]["maximum"] == 100
