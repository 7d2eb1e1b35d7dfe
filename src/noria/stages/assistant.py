"""Talk to an assistant: sounds in, what was heard and the reply out. What stands behind `noria assistant`.

A run that is not there yet is made of parts: one bundle, with nothing learnt. Read next: targets/reply/stages.py.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from noria.contract import Task, only_input
from noria.contract.examples import records_like
from noria.errors import UserError, needs_extra
from noria.job.load import load_job
from noria.pipeline.predictor import Answer, Predictor, load
from noria.reporter import Reporter, Silent, Terminal
from noria.sound.reading import read_sound
from noria.sound.wav import wav_bytes
from noria.stages.train import train
from noria.store.disk import whole_file

JOB = "assistant"  # the shipped job of which an assistant is made
RECORD_HZ = 16_000
EXAMPLES = 40  # enough for each split to have one


def assistant(run: Path, parts: Sequence[str] = (), reporter: Reporter | None = None) -> Predictor:
    """Return the assistant of a run, made of `parts` (runs or bundles) where the run is not there yet."""
    if parts and run.exists():
        raise UserError("this run is there already", where=str(run), fix="leave out --part, or name another run")
    if parts:
        _make(run, parts, reporter or Terminal())
    elif not run.exists():
        fix = f"noria assistant {run} --part runs/recogniser --part runs/intents, or noria train {JOB}"
        raise UserError("there is no such assistant", where=str(run), fix=fix)
    return load(run)


def _make(run: Path, parts: Sequence[str], reporter: Reporter) -> None:
    """Make the bundle, on the task's own examples: nothing is learnt from them, and they say nothing of its quality."""
    _, task = load_job(JOB)
    with tempfile.TemporaryDirectory() as folder:
        table = _examples(task, Path(folder))
        chosen = json.dumps([str(Path(one).expanduser().resolve()) for one in parts])
        train(JOB, [f"data.path={table}", f"target.parts={chosen}"], run=run, reporter=Silent())
    reporter.say(f"made {run}; how good it is: noria evaluate {run} --data TABLE")


def _examples(task: Task, folder: Path) -> Path:
    """Write a task's examples as a table, its sounds beside it; return its path."""
    name = only_input(task, "be talked to")
    records = records_like(task, EXAMPLES)
    for index, record in enumerate(records):
        sound = read_sound(record[name])
        (folder / f"{index}.wav").write_bytes(wav_bytes(sound.samples, sound.rate_hz))
        record[name] = f"{index}.wav"
    table = folder / "examples.csv"
    lines = [",".join(records[0]), *(",".join(map(str, record.values())) for record in records)]
    table.write_text("\n".join(lines) + "\n", "utf-8")
    return table


def replies(predictor: Predictor, sounds: Sequence[str | Path], seconds: float | None = None) -> list[Answer]:
    """Return the reply to each sound, in order, and last to what the microphone hears for some seconds."""
    found = [answer for sound in sounds for answer in predictor.answers(predictor.chunks(Path(sound)))]
    if seconds is not None:
        found += predictor.answers(predictor.encoded([{only_input(predictor.task, "be talked to"): recorded(seconds)}]))
    if not found:
        raise UserError("there is nothing to hear", expected="sound files, or --microphone SECONDS")
    return found


def recorded(seconds: float) -> tuple[np.ndarray, int]:
    """Return what the microphone hears for so long: samples and their rate."""
    try:
        import sounddevice
    except (ImportError, OSError) as error:  # the latter: its library is missing
        raise needs_extra("sounddevice", "microphone", "hearing by a microphone") from error
    samples = sounddevice.rec(round(seconds * RECORD_HZ), samplerate=RECORD_HZ, channels=1, dtype="float32")
    sounddevice.wait()
    return np.asarray(samples, np.float32).ravel(), RECORD_HZ


def told(answer: Answer) -> str:
    """Return a reply as a person reads it: what was heard, what is said, how many milliseconds each stage took."""
    if answer.prediction is None:
        return f"{answer.where}\n  cannot be heard: {answer.reason}"
    details = answer.prediction.details
    lines = [
        answer.where,
        f"  heard  {details.get('transcript') or '(nothing)'}",
        f"  reply  {answer.prediction.value or '(none)'}",
    ]
    times = ", ".join(f"{name} {value:.0f}" for name, value in details.get("milliseconds", {}).items())
    return "\n".join([*lines, *([f"  ms     {times}"] if times else [])])


def write_sounds(answers: Sequence[Answer], folder: Path) -> str:
    """Write each reply that is a sound into a folder; return what to say."""
    count = 0
    for number, answer in enumerate(answers, 1):
        if answer.prediction is not None and (media := answer.prediction.media) is not None:
            with whole_file(folder / f"reply-{number}{media.suffix}") as temporary:
                temporary.write_bytes(media.data)
            count += 1
    return f"wrote {count} sounds into {folder}"
