"""Stretches of speech: how they are read, found, scored, written and heard while a sound comes in."""

from __future__ import annotations

import copy
import csv
import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from noria.contract import registry
from noria.contract.examples import fitted, records_like
from noria.errors import UserError
from noria.job import Job
from noria.job.load import load_job
from noria.pipeline.assembly import build
from noria.pipeline.inference import outputs
from noria.pipeline.prepared import Prepared
from noria.sound.energy import loud_spans
from noria.sound.reading import Sound
from noria.sound.wav import wav_bytes
from noria.stages.prepare import prepare
from noria.targets.segments.metrics import segment_counts, segment_metrics
from noria.targets.segments.reading import read_spans, written
from noria.targets.segments.scenes import scene_of
from noria.targets.segments.spans import Rule, frames_of, spans_of
from noria.targets.segments.streaming import SpeechStream
from noria.types import Dataset, Prediction, Ragged

RULE = Rule(onset=0.6, offset=0.3, least_speech=2, least_silence=3)


@pytest.mark.parametrize(
    "value",
    [
        [[0.5, 1.25], [2, 3]],
        [{"start_s": 2, "end_s": 3}, {"start": 0.5, "end": 1.25}],
        "[[0.5, 1.25], [2, 3]]",
        "0.5\t1.25\tspeech\n\\\t100\t200\n2\t3\tspeech\n",
        "SPEAKER talk 1 0.5 0.75 <NA> <NA> ann <NA> <NA>\nSPEAKER talk 1 2 1 <NA> <NA> ben <NA> <NA>\n",
        {"by_energy": [[2, 3], [0.5, 1.25]]},
    ],
)
def test_segments_are_read_as_people_have_them(value):
    assert read_spans(value).tolist() == [[0.5, 1.25], [2, 3]]


@pytest.mark.parametrize(
    "value", [None, "", "speech", 3, [[1]], [[2, 1]], [[-1, 1]], [[0, float("nan")]], [[0, 1e300]], "SPEAKER x"]
)
def test_what_is_no_segment_is_refused_in_words(value):
    with pytest.raises(ValueError, match=r"\w"):
        read_spans(value)


def test_a_stretch_begins_high_goes_on_low_closes_short_gaps_and_is_not_too_short():
    chances = [0.4, 0.7, 0.4, 0.2, 0.4, 0.7, 0.1, 0.1, 0.1, 0.9, 0.1, 0.1, 0.1, 0.5, 0.5, 0.5]
    assert spans_of(np.array(chances), RULE).tolist() == [[0, 6]]
    assert spans_of(np.zeros(4), RULE).tolist() == []
    assert spans_of(np.ones(4), RULE).tolist() == [[0, 4]]


@pytest.mark.parametrize("samples", [16_000, 32_000, 32_001, 32_159])
def test_no_stretch_ends_after_its_sound(samples):
    task = registry.task("voice-activity-detection")
    frames = 1 + samples // 160
    answer = task.target.answer(np.ones(frames), RULE)
    assert [one["end_s"] for one in answer.value] == [pytest.approx((frames - 1) / 100)]
    assert answer.value[0]["end_s"] <= samples / 16_000
    assert answer.details["speech_s"] <= samples / 16_000


def test_scores_are_perfect_where_all_is_right_and_nothing_where_nothing_is():
    truth = {"spans": Ragged.of([[[0.1, 0.3]], [[0.0, 0.2], [0.5, 0.8]]], np.float32, (2,))}
    right = [frames_of(truth["spans"][index], 100, 0.01).astype(float) for index in (0, 1)]
    for rows, expected in ((right, [1, 0, 1]), ([1 - row for row in right], [0, 1, 0])):
        output = {"probabilities": Ragged.of(rows, np.float32)}
        found = [one.value(output, truth, np.ones((1, 2)))[0] for one in segment_metrics(0.01, RULE)]
        assert found[:2] == pytest.approx(expected[:2], abs=0.06)
    output = {"probabilities": Ragged.of(right, np.float32)}
    assert segment_counts(output, truth, 0.01, RULE).tolist() == [[1, 1, 1], [2, 2, 2]]


def test_answers_are_written_as_the_files_that_people_open():
    later = {"start_s": 3601.0, "end_s": 3602.5, "confidence": 0.8}
    spans = [{"start_s": 0.5, "end_s": 1.25, "confidence": 0.9}, later]
    target = registry.task("voice-activity-detection").target
    endings = (".srt", ".vtt", ".csv", ".json", ".txt")
    files = {suffix: target.export(Prediction(spans), suffix).decode() for suffix in endings}
    assert files[".srt"].startswith("1\n00:00:00,500 --> 00:00:01,250\nspeech\n\n2\n01:00:01,000 --> 01:00:02,500\n")
    assert files[".vtt"].startswith("WEBVTT\n\n00:00:00.500 --> 00:00:01.250\n")
    assert list(csv.reader(files[".csv"].splitlines()))[1] == ["0.5", "1.25", "0.9"]
    assert json.loads(files[".json"]) == spans
    assert read_spans(files[".txt"]).tolist() == [[0.5, 1.25], [3601, 3602.5]]
    assert written(spans, ".docx") is None


def test_what_is_loud_in_a_clean_clip_is_speech():
    rate_hz = 8000
    sound = np.zeros(2 * rate_hz, np.float32)
    sound[4000:8000] = np.sin(np.arange(4000))
    sound[12_000:12_010] = 1.0  # a click
    ((start, end),) = loud_spans(Sound(sound, rate_hz), 30.0)
    assert (start, end) == pytest.approx((0.5, 1.0), abs=0.06)
    assert loud_spans(Sound(np.zeros(rate_hz, np.float32), rate_hz), 30.0) == []


def test_a_subtitle_of_speech_stays_no_longer_than_others_and_leaves_no_gap():
    cues = written([{"start_s": 1.0, "end_s": 121.0}], ".vtt").decode().split("\n\n")[1:]
    times = [line.split("\n")[0].split(" --> ") for line in cues]
    assert len(times) == 20
    assert times[0] == ["00:00:01.000", "00:00:07.000"]
    assert [end for _, end in times[:-1]] == [start for start, _ in times[1:]]
    assert times[-1][1] == "00:02:01.000"


def test_clean_clips_without_segments_are_told_to_be_judged_by_their_energy(tmp_path):
    generator = np.random.default_rng(0)
    for index in range(12):
        sound = np.concatenate([np.zeros(2000), 0.3 * generator.normal(size=3000), np.zeros(2000)])
        (tmp_path / f"{index}.wav").write_bytes(wav_bytes(sound, 8000))
    (tmp_path / "clips.csv").write_text("audio\n" + "".join(f"{index}.wav\n" for index in range(12)))
    job, task = load_job({"task": "voice-activity-detection", "data": {"path": str(tmp_path / "clips.csv")}})
    prepared = prepare(job, task)
    spans = prepared.splits["train"].target["spans"][:]
    assert spans[0].ravel() == pytest.approx([0.25, 0.625], abs=0.06)
    assert any("nobody said where speech is" in remark for remark in prepared.report["notes"])


def clips_with(folder: Path, *segments: Any) -> Prepared:
    """Prepare 12 sounds of 0.875 s, each with one cell of segments, in turn."""
    generator = np.random.default_rng(0)
    for index in range(12):
        (folder / f"{index}.wav").write_bytes(wav_bytes(0.3 * generator.normal(size=7000), 8000))
    rows = [f'{index}.wav,"{segments[index % len(segments)]}"\n' for index in range(12)]
    (folder / "clips.csv").write_text("audio,segments\n" + "".join(rows))
    return prepare(*load_job({"task": "voice-activity-detection", "data": {"path": str(folder / "clips.csv")}}))


@pytest.mark.parametrize("segment", [[250, 625], [0.25, 625], [0.9, 1.0]])
def test_a_segment_beyond_the_end_of_its_sound_is_quarantined(tmp_path, segment):
    prepared = clips_with(tmp_path, [segment, [0, 0.1]], [[0.25, 0.6]])
    assert prepared.report["quarantined"] == 6
    start, end = segment
    told = f"a segment from {start:g} to {end:g} s, but the sound lasts 0.88 s: places are seconds"
    assert told in prepared.report["quarantine"][0]["reason"]


def test_segments_that_end_a_little_after_their_sound_are_taken(tmp_path):
    assert clips_with(tmp_path, [[0.25, 0.6], [0.5, 1.2]]).report["quarantined"] == 0


def test_of_a_sound_that_is_not_read_to_its_end_the_segments_beyond_are_counted():
    short = copy.copy(registry.task("voice-activity-detection"))
    short.inputs = {"audio": replace(short.inputs["audio"], max_s=1.0)}
    mel = Ragged.of([np.zeros((100, 32)), np.zeros((20, 32))], np.float16)
    answer = {"spans": Ragged.of([[[0.1, 0.4], [1.1, 1.8]], [[0.1, 0.2]]], np.float32, (2,))}
    inputs = {"audio": {"mel": mel}}
    assert short.validate_pair(inputs, answer) == {}
    assert short.target.unread(answer, inputs).tolist() == [[1, 2], [0, 1]]


@pytest.mark.parametrize(
    ("cell", "found"),
    [("0.05-0.2", "'0.05-0.2' is no list of"), ("[]", "empty lists"), ("[[0.2, 0.05]]", "ends after")],
)
def test_where_no_segment_can_be_read_the_first_reason_is_told(tmp_path, cell, found):
    with pytest.raises(UserError, match="no training recording has a segment") as told:
        clips_with(tmp_path, cell)
    assert found in told.value.found
    assert "[[0.4, 1.2], [2, 2.5]]" in told.value.expected


def test_a_training_scene_holds_its_clips_where_its_spans_say():
    mel = torch.full((16, 40, 8), 2.0)
    lengths, spans = torch.full((16,), 40), torch.tensor([[[0.1, 0.3]]]).expand(16, 1, 2)
    torch.manual_seed(0)
    scene, moved = scene_of(mel, lengths, spans, 0.01, 200, least_snr_db=35.0)
    assert (scene.shape, moved.shape) == ((16, 200, 8), (16, 2, 2))
    for index in range(16):
        is_speech = frames_of(moved[index].numpy(), 200, 0.01)
        assert is_speech.sum() <= 42
        if is_speech.any():
            loudest = scene[index].amax(1).numpy()
            assert loudest[is_speech].mean() > loudest[~is_speech].mean()


def test_noise_of_training_scenes_is_brown_to_violet_and_beats_as_engines_do():
    silent, lengths, spans = torch.full((400, 40, 32), math.log(1e-5)), torch.full((400,), 40), torch.zeros(400, 1, 2)
    torch.manual_seed(0)
    scenes, _ = scene_of(silent, lengths, spans, 0.01, 200, least_snr_db=35.0)
    colour = scenes.mean(1)
    rises = colour[:, -4:].mean(1) - colour[:, :4].mean(1)
    assert (rises < -3).float().mean() > 0.01  # 6 dB an octave are about 4.6 from 40 to 4,000 Hz
    assert (rises > 3).float().mean() > 0.01
    loudness = scenes.mean(2) - scenes.mean((1, 2))[:, None]
    tones = torch.fft.rfft(loudness)[:, 5:].abs() ** 2
    is_beating = tones.amax(1) > 0.5 * tones.sum(1)
    assert is_beating.float().mean() > 0.1


def test_what_moves_a_sound_in_time_is_refused_beside_its_segments():

    _, task = load_job({"task": "voice-activity-detection", "inputs": {"audio": {"speed": 0.1}}})
    records = records_like(task, 8)
    states = fitted(task, records)
    with pytest.raises(UserError, match="would move its segments"):
        task.augment_batch(dataset_of(task, records, states).batch(slice(None)))


def dataset_of(task, records, states):
    audio = task.inputs["audio"].encode([one["audio"] for one in records], states["inputs"]["audio"]).arrays
    truth = task.target.encode([one["segments"] for one in records], states["target"]).arrays
    return Dataset({"audio": audio}, truth)


@pytest.mark.parametrize("subsampling", [1, 2, 4, 8])
def test_a_sound_that_comes_in_pieces_is_heard_as_the_whole_one(subsampling):
    task = registry.task("voice-activity-detection")
    task.inputs = {"audio": type(task.inputs["audio"])(num_mels=16, subsampling=subsampling, channels=4)}
    records = records_like(task, 8)
    states = fitted(task, records)
    torch.manual_seed(0)
    job = Job.model_validate({"task": "checked", "model": {"width": 16, "heads": 2, "depth": 0}})
    model = build(job, task, states).eval()
    for weight in model.parameters():
        torch.nn.init.normal_(weight, std=0.3)
    sound = np.random.default_rng(1).normal(size=31_999).astype(np.float32) * 0.1
    whole = task.inputs["audio"].encode([(sound, 8000)], states["inputs"]["audio"]).arrays
    kept = outputs(model, task.target, states["target"], Dataset({"audio": whole}, {}), 4, "cpu")
    expected = kept["probabilities"][0]
    listener = listener_of(model, task, states)
    at, pieces, late = 0, [], []
    for size in np.random.default_rng(2).integers(1, 3000, 1000):
        pieces.append(listener.push(sound[at : at + size]))
        at = min(len(sound), at + int(size))
        late.append(at / 8000 - len(listener.probabilities) * 0.01)
        if at == len(sound):
            break
    pieces.append(listener.finish())
    streamed = np.concatenate(pieces)
    assert np.ptp(expected) > 0.1
    assert np.allclose(streamed, expected, atol=2e-4)
    assert max(late) <= listener.delay_s + 0.01
    assert listener.answer().value == task.target.decode(kept, states["target"])[0].value


def listener_of(model, task, states):
    return SpeechStream(model, task.inputs["audio"], states["inputs"]["audio"], task.target, states["target"])


@pytest.mark.parametrize(
    ("samples", "told"),
    [
        (np.array([0.1, np.nan]), "1 samples that are no finite numbers"),
        (np.array([0.1, -np.inf]), "no finite numbers"),
        (np.array([100, 200], np.int16), "samples of int16"),
        (np.zeros((2, 80)), r"an array of shape \(2, 80\)"),
        (0.5, r"an array of shape \(\)"),
        (np.array(["a"]), "samples of <U1"),
        (np.array([20_000.0]), "a sample of 20000"),
    ],
)
def test_a_piece_that_is_no_sound_is_refused_and_what_came_before_stays(samples, told):
    task = registry.task("voice-activity-detection")
    states = fitted(task, records_like(task, 8))
    job = Job.model_validate({"task": "checked", "model": {"width": 16, "heads": 2, "depth": 0}})
    listener = listener_of(build(job, task, states), task, states)
    listener.push(np.zeros(80, np.float32))
    with pytest.raises(UserError, match=told):
        listener.push(samples)
    assert listener._num_samples == 80
    listener.push(np.zeros(0))


def test_a_detector_with_attention_cannot_answer_while_a_sound_comes_in():
    task = registry.task("voice-activity-detection")
    states = fitted(task, records_like(task, 8))
    job = Job.model_validate({"task": "checked", "model": {"width": 16, "heads": 2, "depth": 1}})
    with pytest.raises(UserError, match="attention sees all of a sound"):
        listener_of(build(job, task, states), task, states)
