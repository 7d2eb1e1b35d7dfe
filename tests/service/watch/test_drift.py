"""A served model is watched: what its last records show can be asked for, and stands in the metrics."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from starlette.applications import Starlette

from noria.drift.assessment import Assessment
from noria.drift.live import Live
from noria.pipeline.predictor import Predictor, load
from noria.pipeline.reference import FILE, read_reference
from noria.service.app import app_around
from noria.service.dialects.all import OPERATIONS
from noria.service.engine.engine import Engine
from noria.service.request.limits import Limits
from noria.types import Prediction
from service.conftest import Ask
from service.watch.test_served import values


@pytest.fixture
def engine(predictor: Predictor) -> Engine:
    return Engine(predictor, OPERATIONS)


def served(engine: Engine) -> Starlette:
    return app_around(engine, Limits())


def ask_often(app: Starlette, ask: Ask, texts: list[str], count: int) -> None:
    """Ask for answers to the first picture, so often that the window has so many records."""
    for start in range(0, count, 50):
        records = [{"image": texts[0]}] * min(50, count - start)
        assert ask(app, "POST", "/predict", json={"records": records}).is_success


def test_a_window_of_always_the_same_picture_is_drift(engine: Engine, texts: list[str], ask: Ask) -> None:
    app = served(engine)
    ask_often(app, ask, texts, 120)
    engine.watched.look()
    told = ask(app, "GET", f"/watch/{engine.view.name}").json()
    assert told["records"] == 120
    found = Assessment.from_json(told["assessment"])
    assert found.n == 120
    assert {one.name for one in found.tests if one.alarm} == {"class probabilities", "embeddings"}
    gauges, model = values(app, ask), f"model={engine.view.name}"
    assert gauges["noria_watch_records", model] == 120
    assert gauges["noria_drift_alarm", model] == 1
    assert gauges["noria_drift_p", model, "test=embeddings"] < 0.01
    assert 0 < gauges["noria_watched_score", model, "score=accuracy", "when=expected"] < 1


def test_nothing_is_said_of_few_records(engine: Engine, texts: list[str], ask: Ask) -> None:
    app = served(engine)
    ask_often(app, ask, texts, 20)
    engine.watched.look()
    told = ask(app, "GET", "/watch").json()
    assert (told["records"], told["assessment"]) == (20, None)
    assert "fewer than 100" in told["note"]
    assert not [one for one in values(app, ask) if one[0] == "noria_drift_alarm"]


def test_the_examples_that_probes_ask_are_no_live_records(engine: Engine) -> None:
    for _ in range(3):
        engine.warm_up()
    engine.watched.look()
    assert engine.watched.told["records"] == 0


def test_a_bundle_without_a_reference_is_served_and_says_why_it_is_not_watched(
    run: Path, tmp_path: Path, texts: list[str], ask: Ask
) -> None:
    shutil.copytree(run / "bundle", tmp_path / "bundle")
    (tmp_path / "bundle" / FILE).unlink()
    app = served(Engine(load(tmp_path / "bundle"), OPERATIONS))
    ask_often(app, ask, texts, 50)
    told = ask(app, "GET", "/watch").json()
    assert told["assessment"] is None
    assert "keeps nothing of its calibration split" in told["note"]


def test_watching_changes_no_answer(predictor: Predictor, pictures: list[bytes]) -> None:
    live = Live(predictor, read_reference(predictor.bundle))
    for chunk in predictor.encoded([{"image": one} for one in pictures]):
        assert predictor.decoded(chunk.records, live.see) == predictor.decoded(chunk.records)
    assert live.num_seen == 5


def test_the_window_holds_the_last_records_only(predictor: Predictor) -> None:
    live = Live(predictor, read_reference(predictor.bundle), most=200)
    classes, answers = len(predictor.states["target"]["classes"]), [Prediction("7")] * 60
    for _ in range(10):
        live.see({"logits": np.zeros((60, classes), np.float32)}, answers)
    assert live.num_seen == 200
    found = live.assessment()
    assert found is not None
    assert found.n == 200
    assert len(live._seen) == 4  # 240 records, of which the last 200 count


def test_the_window_is_looked_at_again_when_a_tenth_of_it_is_new(predictor: Predictor) -> None:
    live = Live(predictor, read_reference(predictor.bundle), most=200)
    classes = len(predictor.states["target"]["classes"])
    counts = []
    for count in (99, 21, 19, 1):
        live.see({"logits": np.zeros((count, classes), np.float32)}, [Prediction("7")] * count)
        found = live.assessment()
        counts.append(found.n if found else None)
    assert counts == [None, 120, 120, 140]
