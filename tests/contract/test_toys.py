"""The house carries what it was not built for: six kinds of components go the whole way without an edit elsewhere.

An answer that is a sound, an answer out of a catalogue held as an array, a graph whose atoms are bound, a task with
three kinds of input of which two may be missing, a bundle with another bundle as a part of it, and one with nothing to
learn beside such a part.
"""

from __future__ import annotations

import asyncio
import base64
import io
import json
import shutil
import wave
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.contract.toys.graph import chain, ring

import noria
from noria.checks import check_task
from noria.contract import registry
from noria.contract.examples import column, records_like
from noria.errors import UserError
from noria.job import Job
from noria.pipeline.assembly import build
from noria.pipeline.predictor import load
from noria.reporter import Silent
from noria.service.app import make_app
from noria.service.serve import example_command
from noria.stages.evaluate import evaluate
from noria.stages.export import export_onnx
from noria.stages.predict import predict_to
from noria.stages.trace import trace
from noria.stages.train import train
from noria.stages.tune import tune
from noria.types import Dataset
from service.conftest import _send
from tiny_data import tiny_job

TOYS = {
    "toy-sound": "tests.contract.toys.sound:ToySound",
    "toy-speech": "tests.contract.toys.sound:ToySpeech",
    "toy-relay": "tests.contract.toys.relay:ToyRelay",
    "toy-catalogue": "tests.contract.toys.catalogue:ToyCatalogue",
    "toy-graph": "tests.contract.toys.graph:ToyGraph",
    "toy-mixed": "tests.contract.toys.graph:ToyMixed",
}
VOICED = ("toy-speech", "toy-relay")  # whose target has a voice as a part


@pytest.fixture(autouse=True)
def _found(monkeypatch):
    """Let the registry find the toys as it finds the components of another package."""

    def entry_points(group, name=None):
        entries = [EntryPoint(one, place, group) for one, place in TOYS.items()] if group == "noria.tasks" else []
        return [entry for entry in entries if name in (None, entry.name)]

    monkeypatch.setattr(registry, "entry_points", entry_points)


@pytest.fixture(scope="module")
def runs() -> dict[str, Path]:
    return {}


@pytest.fixture
def run_of(runs, tmp_path_factory, _found):
    def made(name: str) -> Path:
        if name not in runs:
            folder = tmp_path_factory.mktemp(name)
            runs[name] = train(job_of(name, folder, made), run=folder / "run", reporter=Silent())
        return runs[name]

    return made


def job_of(name: str, folder: Path, run_of: Any) -> dict[str, Any]:
    job = tiny_job(name, folder, keep_checkpoints=True)
    job["model"]["depth"] = 1
    job["data"]["fields"] = {"image": "image"} if name == "toy-mixed" else {}
    return job | ({"target": {"voice": str(run_of("toy-sound"))}} if name in VOICED else {})


@pytest.mark.parametrize("name", [name for name in TOYS if name != "toy-mixed"])
def test_a_toy_keeps_the_contract(name):
    check_task(registry.task(name))


@pytest.mark.parametrize("name", TOYS)
def test_a_toy_goes_through_training_resuming_and_scoring(name, run_of, tmp_path):
    run = run_of(name)
    end = (run / "bundle" / "model.safetensors").read_bytes()
    again = tmp_path / "again"
    shutil.copytree(run, again)
    newest = max((again / "checkpoints").iterdir())
    shutil.rmtree(newest)
    shutil.rmtree(again / "bundle")
    train(again / "job.yaml", run=again, resume=True, reporter=Silent())
    assert (again / "bundle" / "model.safetensors").read_bytes() == end
    scores = evaluate(run, reporter=Silent())
    assert scores["n"] > 0
    assert next(iter(scores["metrics"].values()))["value"] is not None


@pytest.mark.parametrize("name", TOYS)
def test_a_toy_answers_the_same_in_python_and_when_served(name, run_of):
    predictor = load(run_of(name), device="cpu")
    records = [
        {key: value for key, value in record.items() if key in predictor.task.inputs}
        for record in records_like(predictor.task, 5, seed=3)
    ]
    sendable = [
        {key: value.tolist() if isinstance(value, np.ndarray) else value for key, value in one.items()}
        for one in records
    ]
    if name == "toy-mixed":
        sendable = [{key: value for key, value in one.items() if key != "image"} for one in sendable]
    expected = [json.loads(json.dumps(one.as_json())) for one in predictor.predict(sendable)]
    response = asyncio.run(_send(make_app(predictor), "POST", "/predict", {"json": {"records": sendable}}))
    assert response.status_code == 200, response.text
    assert response.json()["predictions"] == expected


@pytest.mark.usefixtures("onnx_operators")
@pytest.mark.parametrize("name", ["toy-sound", "toy-speech", "toy-catalogue", "toy-mixed"])
def test_a_toy_is_exported(name, run_of, tmp_path):
    """The mixed one has the graph's bonds in it, and the relay has no network: that is told below."""
    pytest.importorskip("onnxscript", reason="needs onnxscript")
    predictor = load(run_of(name), device="cpu")
    assert export_onnx(predictor, tmp_path / "model.onnx").stat().st_size > 0


def test_an_answer_that_is_a_sound_is_a_file_that_plays(run_of, tmp_path):
    data = tmp_path / "words.csv"
    data.write_text("text\na high tone\na low tone\n")
    predict_to(run_of("toy-sound"), [data], tmp_path / "sounds", reporter=Silent())
    files = sorted((tmp_path / "sounds").glob("*.wav"))
    assert len(files) == 2
    for file in files:
        with wave.open(str(file)) as sound:
            assert (sound.getframerate(), sound.getnframes()) == (8000, 160)
    lines = [json.loads(line) for line in (tmp_path / "sounds" / "answers.jsonl").read_text().splitlines()]
    assert all("media" not in line and line["value"] > 0 for line in lines)


def test_an_answer_that_is_a_sound_is_one_file(run_of, tmp_path):
    said = predict_to(run_of("toy-sound"), ["a high tone"], tmp_path / "high.wav", reporter=Silent())
    assert said == f"wrote the answer to {tmp_path / 'high.wav'}"
    with wave.open(str(tmp_path / "high.wav")) as sound:
        assert sound.getnframes() == 160


def posted(run: Path, body: Any, accept: str | None, path: str = "/predict") -> Any:
    headers = {} if accept is None else {"accept": accept}
    return asyncio.run(_send(make_app(load(run, device="cpu")), "POST", path, {"json": body, "headers": headers}))


@pytest.mark.parametrize("accept", ["audio/wav", "audio/*", "AUDIO/WAV;q=0.9, application/json;q=0.5"])
def test_an_answer_that_is_a_sound_is_served_as_its_bytes_to_who_asks_for_them(accept, run_of):
    response = posted(run_of("toy-sound"), {"text": "a high tone"}, accept)
    assert response.status_code == 200
    assert response.headers["content-type"] == "audio/wav"
    whole = load(run_of("toy-sound"), device="cpu").predict("a high tone")[0].media
    assert response.content == whole.data


@pytest.mark.parametrize("accept", [None, "*/*", "application/json, audio/wav", "text/html", "audio/wav;q=x"])
def test_an_answer_that_is_a_sound_is_json_to_everyone_else(accept, run_of):
    response = posted(run_of("toy-sound"), {"text": "a high tone"}, accept)
    media = response.json()["predictions"][0]["media"]
    assert media["mime"] == "audio/wav"
    assert base64.b64decode(media["base64"])[:4] == b"RIFF"


@pytest.mark.parametrize(("name", "records"), [("toy-sound", 2), ("toy-catalogue", 1)])
def test_a_file_that_no_answer_is_is_refused_and_json_sent_where_it_will_do(name, records, run_of):
    task = registry.task(name)
    some = [{field: one[field] for field in task.inputs} for one in records_like(task, 2)[:records]]
    response = posted(run_of(name), {"records": some}, "audio/wav")
    assert response.status_code == 406, response.text
    assert response.json()["error"]["code"] == "not_acceptable"
    assert posted(run_of(name), {"records": some}, "audio/wav, application/json;q=0.1").status_code == 200


def test_the_description_of_the_service_says_that_answers_are_sounds(run_of):
    app = make_app(load(run_of("toy-sound"), device="cpu"))
    document = asyncio.run(_send(app, "GET", "/openapi.json", {})).json()
    content = document["paths"]["/predict"]["post"]["responses"]["200"]["content"]
    assert set(content) == {"application/json", "audio/wav"}
    assert '-H "Accept: audio/wav" -o answer.wav' in example_command(
        app.state.service.models.abouts()[0], "http://here", False
    )


def test_a_report_on_answers_that_are_sounds_plays_them(run_of):
    page = (run_of("toy-sound") / "report.html").read_text("utf-8")
    assert page.count("<audio ") > 0
    assert "<script" not in page


def test_a_state_with_an_array_is_stored_beside_the_config(run_of):
    bundle = run_of("toy-catalogue") / "bundle"
    config = json.loads((bundle / "config.json").read_text())
    assert config["states"]["target"]["catalogue"] == {"$array": "target.catalogue"}
    assert load(bundle).states["target"]["catalogue"].shape == (5000, 8)
    assert (bundle / "config.json").stat().st_size < 60_000


def test_a_damaged_array_of_a_state_is_told(run_of, tmp_path):
    bundle = tmp_path / "bundle"
    shutil.copytree(run_of("toy-catalogue") / "bundle", bundle)
    data = bytearray((bundle / "states.safetensors").read_bytes())
    data[-1] ^= 1
    (bundle / "states.safetensors").write_bytes(bytes(data))
    with pytest.raises(UserError, match="not what was written"):
        load(bundle)
    (bundle / "states.safetensors").unlink()
    with pytest.raises(UserError, match="a file is missing"):
        load(bundle)


def test_bonds_are_seen_and_not_atoms_alone():
    """A chain and a ring of the same atoms differ in nothing but their bonds."""
    task = registry.task("toy-graph")
    state = {"inputs": {"graph": {"atoms": "CNOF"}}, "target": {"classes": ["chain", "ring"]}}
    model = build(
        Job.model_validate({"task": "toy", "model": {"width": 16, "heads": 2, "depth": 1}}), task, state
    ).eval()
    for weight in model.parameters():
        weight.data.normal_(generator=torch.Generator().manual_seed(0))
    arrays = task.inputs["graph"].encode(column([chain(5), ring(5)]), state["inputs"]["graph"]).arrays
    logits = model(Dataset({"graph": arrays}, {}).batch(slice(None)).inputs)["logits"]
    assert not np.allclose(*logits.detach().numpy(), atol=1e-4)


def test_what_is_missing_changes_nothing_beside_it(run_of):
    predictor = load(run_of("toy-mixed"), device="cpu")
    record = {"graph": records_like(predictor.task, 1)[0]["graph"]}
    alone = predictor.predict([record])[0]
    full = records_like(predictor.task, 2)[1]
    beside = predictor.predict([{key: full[key] for key in predictor.task.inputs}, record])[1]
    assert alone.value == beside.value
    assert alone.confidence == pytest.approx(beside.confidence, abs=1e-5)


def test_a_part_is_shipped_inside_of_the_bundle_and_needs_nothing_beside_it(run_of, tmp_path):
    bundle = tmp_path / "bundle"
    shutil.copytree(run_of("toy-speech") / "bundle", bundle)
    assert (bundle / "parts" / "voice" / "config.json").is_file()
    sound = load(bundle).predict([{"text": "shout it"}])[0].media
    assert sound is not None
    with wave.open(io.BytesIO(sound.data)) as file:
        assert file.getnframes() == 160


def test_a_part_that_is_not_there_is_told_before_training(run_of, tmp_path):
    job = tiny_job("toy-speech", tmp_path)
    with pytest.raises(UserError, match="the part 'voice' is no trained model"):
        train(job | {"target": {"voice": str(tmp_path / "nothing")}}, run=tmp_path / "run", reporter=Silent())


def test_toys_are_no_part_of_the_package():
    assert not any("toy" in path.name for path in Path(noria.__file__).parent.rglob("*.py"))


def test_a_tuning_and_a_trace_run_with_the_parts_of_a_target(run_of, tmp_path):
    job = job_of("toy-speech", tmp_path, run_of)
    assert any(step.name == "decode" for step in trace(job))
    job["tune"] = {"trials": 1, "defaults": False, "space": {"train.learning_rate": [0.01, 0.001]}}
    assert (tune(job, run=tmp_path / "tuned", reporter=Silent()) / "best.yaml").is_file()


def test_where_nothing_is_to_be_learnt_no_step_is_taken_and_no_weight_is_kept(run_of):
    run = run_of("toy-relay")
    config = json.loads((run / "bundle" / "config.json").read_text())
    plan = json.loads((run / "plan.json").read_text())
    assert (config["weights"]["count"], plan["steps"], plan["validate_at"]) == (0, 0, [])
    assert not (run / "history.jsonl").exists() or not (run / "history.jsonl").read_text()
    scored = json.loads((run / "metrics.json").read_text())
    assert scored["metrics"]["error"]["value"] < scored["baseline"]["error"]["value"]


def test_what_has_no_network_is_not_exported_and_no_engine_runs_it(run_of, tmp_path):
    pytest.importorskip("onnxscript", reason="needs onnxscript")
    with pytest.raises(UserError, match="no network to export"):
        export_onnx(load(run_of("toy-relay"), device="cpu"), tmp_path / "model.onnx")
    with pytest.raises(UserError, match="no network that openvino could run"):
        train(job_of("toy-relay", tmp_path, run_of) | {"evaluate": {"engine": "openvino"}}, run=tmp_path / "run")


def test_a_sound_is_streamed_in_pieces_that_are_the_whole(run_of):
    predictor = load(run_of("toy-relay"), device="cpu")
    pieces = list(predictor.stream("a high tone"))
    assert [piece.ended for piece in pieces] == [None, "end"]
    assert b"".join(piece.content for piece in pieces) == predictor.predict("a high tone")[0].media.data
