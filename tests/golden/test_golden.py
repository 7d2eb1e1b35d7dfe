"""Old models are still read: a bundle of each task, written before the code was restructured, answers as it did."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import noria
from golden import bundles, make_golden
from golden.recipes import RECIPES, wanted_names
from noria.contract import answer_field, dispatch, registry
from noria.contract.examples import column, records_like
from noria.errors import UserError
from noria.types import Dataset

NAMES = bundles.golden_names()
TASKS = [name for name in NAMES if "+" not in name]
COMMAND = "PYTHONPATH=src:tests python -m golden.make_golden"
MOST_BYTES = 2_000_000  # of all 44 bundles together
# State that answering does not read: what a person is shown of a table or is told of a catalogue, the order in which a
# large one is searched, how answers that are files were read, and an id that is the same where there is none.
UNREAD = {
    "audio-classification": {"absent", "counts", "form", "rates", "seconds", "silent"},
    "chat": {"answer_end"},
    "image-multilabel": {"between"},
    "knowledge-tracing": {"events", "sorted"},
    "molecule-generation": {"ends"},
    "molecule-properties": {"seen"},
    "molecule-property": {"form", "remark", "seen"},
    "molecule-safety": {"between", "seen"},
    "rating-prediction": {"events", "sorted"},
    "sequential-recommendation": {"events", "sorted"},
    "similar-items": {"events", "items", "sorted"},
    "user-profile": {"events", "sorted", "titles"},
    "semantic-segmentation": {"is_colour", "numbers", "void"},
    "speech-recognition": {"normaliser", "rates", "search", "seconds", "silent", "unknown"},
    "speech-to-text": {"bleu", "language", "rates", "seconds", "silent"},
    "tabular-classification": {"columns", "names"},
    "tabular-multilabel": {"between", "columns", "forms", "names", "seen"},
    "tabular-regression": {"columns", "names"},
    "text-multilabel": {"between"},
    "voice-activity-detection": {"by_energy", "mean_s", "rates", "seconds", "silent"},
    "voice-assistant": {"rate_hz", "usual"},
    "top-recommendation": {"events", "sorted"},
    "text-to-speech": {"pitch_mean", "pitch_spread"},
    "vocoder": {"rates", "seconds", "silent"},
}

WEIGHTLESS = (
    "similar-items",
    "user-profile",
    "voice-assistant",
)  # there is nothing to learn, so no weight can be another one


def what_is_wrong(folder: Path) -> list[str]:
    """Say how a bundle fails to answer its stored inputs as it did; nothing where it answers the same."""
    expected = bundles.read(folder / "answers.json")["predictions"]
    try:
        found = bundles.answers(folder, bundles.stored_records(folder))
    except (UserError, KeyError, RuntimeError) as error:  # RuntimeError: what torch raises where weights do not fit
        return [f"{type(error).__name__}: {error}"]
    return bundles.differences(expected, found)


@pytest.fixture(params=TASKS)
def copy(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return bundles.copied(bundles.FOLDER / request.param, tmp_path / request.param)


def test_every_task_has_a_golden_bundle() -> None:
    missing = sorted(set(wanted_names()) - set(NAMES))
    assert not missing, f"no golden bundle of {', '.join(missing)}: make it with `{COMMAND}` and commit its folder"
    unknown = sorted(set(NAMES) - set(wanted_names()))
    assert not unknown, f"golden bundles that no task or recipe explains: {', '.join(unknown)}"
    assert len(TASKS) == len(registry.names("tasks")) >= 18
    assert {one.task for one in RECIPES.values()} <= set(TASKS)


@pytest.mark.parametrize("name", NAMES)
def test_a_golden_bundle_answers_as_it_did_when_it_was_written(name: str) -> None:
    assert what_is_wrong(bundles.FOLDER / name) == []


@pytest.mark.parametrize("name", NAMES)
def test_a_golden_bundle_holds_only_what_loading_needs_and_no_path_of_a_machine(name: str) -> None:
    files = {file.name for file in (bundles.FOLDER / name).iterdir()}
    assert files - {"states.safetensors"} == {"config.json", "model.safetensors", "inputs.json", "answers.json"}
    config = bundles.read(bundles.FOLDER / name / "config.json")
    assert [text for text in texts_in(config) if text.startswith(("/", "~")) and len(text) > 1] == []


def test_golden_bundles_stay_small() -> None:
    assert sum(file.stat().st_size for name in NAMES for file in (bundles.FOLDER / name).iterdir()) < MOST_BYTES


def test_a_state_key_that_has_another_name_is_noticed(copy: Path) -> None:
    config = bundles.read(copy / "config.json")
    keys = {key for state in states_of(config) for key in state}
    unnoticed = set()
    for key in keys:
        changed = bundles.copied(copy, copy.with_name(f"without {key}"))
        bundles.rewrite_config(changed, lambda config, key=key: rename(config, key))
        if not what_is_wrong(changed):
            unnoticed.add(key)
    assert keys
    assert unnoticed == UNREAD.get(copy.name, set())


@pytest.mark.parametrize("copy", [name for name in TASKS if name not in WEIGHTLESS], indirect=True)
def test_a_weight_that_has_another_name_is_noticed(copy: Path) -> None:
    bundles.rewrite_weights(copy, lambda weights: {f"renamed.{name}": value for name, value in weights.items()})
    assert what_is_wrong(copy)


def test_weights_of_other_bytes_are_refused(copy: Path) -> None:
    file = copy / "model.safetensors"
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)
    assert "UserError" in what_is_wrong(copy)[0]
    assert "the weights are not those" in what_is_wrong(copy)[0]


@pytest.mark.parametrize("copy", [name for name in TASKS if name not in WEIGHTLESS], indirect=True)
def test_other_weights_give_other_answers(copy: Path) -> None:
    bundles.rewrite_weights(copy, lambda weights: bundles.noisy(weights, 0.5))
    assert what_is_wrong(copy)


def test_making_a_bundle_never_overwrites_one_unasked(monkeypatch: pytest.MonkeyPatch) -> None:
    before = (bundles.FOLDER / "chat" / "model.safetensors").stat().st_mtime_ns
    monkeypatch.setattr("sys.argv", ["make_golden", "chat"])
    with pytest.raises(SystemExit, match="there is a golden bundle already: chat"):
        make_golden.main()
    assert (bundles.FOLDER / "chat" / "model.safetensors").stat().st_mtime_ns == before


def test_differences_are_seen_beyond_the_tolerance_and_only_there() -> None:
    answer = {"value": [{"id": 3, "box": [10.0, 20.0]}], "confidence": 0.5, "details": {}}
    assert bundles.differences(answer, {**answer, "confidence": 0.50009}) == []
    assert bundles.differences(answer, {**answer, "value": [{"id": 3, "box": [10.0009, 20.0]}]}) == []
    for other in (
        {**answer, "confidence": 0.501},
        {**answer, "confidence": None},
        {**answer, "value": [{"id": 4, "box": [10.0, 20.0]}]},
        {**answer, "value": [{"id": 3, "box": [10.01, 20.0]}]},
        {**answer, "value": []},
        {"value": answer["value"], "confidence": 0.5},
    ):
        assert bundles.differences(answer, other)


def states_of(config: dict[str, Any]) -> list[dict[str, Any]]:
    return [*config["states"]["inputs"].values(), config["states"]["target"]]


def rename(config: dict[str, Any], key: str) -> None:
    """Give a key of the fitted states another name, wherever it stands."""
    for state in states_of(config):
        if key in state:
            state[f"renamed_{key}"] = state.pop(key)


def texts_in(content: Any) -> Iterator[str]:
    """Yield every text of a config."""
    if isinstance(content, str):
        yield content
    elif isinstance(content, dict):
        for value in content.values():
            yield from texts_in(value)
    elif isinstance(content, list):
        for value in content:
            yield from texts_in(value)


@pytest.mark.parametrize("name", registry.names("tasks"))
def test_the_baseline_of_an_old_bundle_is_still_scored(name):
    model = noria.load(bundles.FOLDER / name, device="cpu")
    task = model.task
    records = records_like(task, 8)
    states = model.bundle.states
    inputs = {
        field: modality.encode(column([record[field] for record in records]), states["inputs"][field]).arrays
        for field, modality in task.inputs.items()
    }
    answers = task.target.encode([record[answer_field(task)] for record in records], states["target"]).arrays
    dataset = dispatch.windows(task, Dataset(inputs, answers))
    learnt = {key: np.asarray(value, np.float32) for key, value in model.bundle.config["baseline"].items()}
    output = dispatch.predict_baseline(task, dataset, learnt)
    for metric in task.target.metrics(states["target"]):
        metric.value(output, dataset.target, np.ones((1, len(dataset)), np.float32))


@pytest.mark.parametrize(
    ("records", "told"),
    [({"texts": "a"}, "call 'texts' 'text'"), (7, "this is no record"), ([{"texts": "a"}], "call 'texts' 'text'")],
)
def test_records_of_another_form_are_told_how_they_should_be(records, told):
    with pytest.raises(UserError, match=told):
        noria.load(bundles.FOLDER / "text-classification", device="cpu").predict(records)
