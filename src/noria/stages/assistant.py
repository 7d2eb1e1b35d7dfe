"""Talk to an assistant: sounds in, what was heard and the reply out. What stands behind `noria assistant`.

A run that is not there yet is made of parts: one bundle, with nothing learnt. Read next: targets/reply/stages.py.
"""

from __future__ import annotations

import json
import re
import shlex
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np

from noria.contract import Task, dispatch, only_input
from noria.contract.examples import records_like
from noria.errors import UserError, needs_extra
from noria.job.load import load_job
from noria.pipeline.predictor import Answer, Predictor, load
from noria.reporter import Reporter, Silent, Terminal
from noria.sound.reading import read_sound
from noria.sound.wav import wav_bytes
from noria.stages.train import train

JOB = "assistant"  # the shipped job of which an assistant is made
RECORD_HZ = 16_000
PIECE_S = 0.1  # of what the microphone hears is looked at at once
SETTING = re.compile(r"\w+(\.\w+)+=")  # of a job
LEAST_PAUSE_S, MOST_PAUSE_S = 0.2, 10.0
EXAMPLES = 40  # enough for each split to have one


def divided(words: Sequence[str]) -> tuple[list[Path], list[str]]:
    """Return the sounds and the settings among what was given: a setting is key=value, as target.document=x.txt."""
    settings = [word for word in words if SETTING.match(word) and not Path(word).exists()]
    return [Path(word) for word in words if word not in settings], settings


def assistant(
    run: Path,
    parts: Sequence[str] = (),
    reporter: Reporter | None = None,
    sounds: Sequence[Path] = (),
    overrides: Sequence[str] = (),
) -> Predictor:
    """Return the assistant of a run, made of `parts` (runs or bundles) where the run is not there yet.

    What it cannot reply to afterwards is refused before it is made.
    """
    for sound in sounds:
        if not sound.exists():
            raise UserError("there is no such file", where=str(sound))
    if parts and run.exists():
        raise UserError("this run is there already", where=str(run), fix="leave out --part, or name another run")
    if parts:
        _make(run, parts, overrides, reporter or Terminal())
    elif not run.exists():
        fix = f"noria assistant {run} --part runs/recogniser --part runs/intents, or noria train {JOB}"
        raise UserError("there is no such assistant", where=str(run), fix=fix)
    elif overrides:
        fix = f"make another one: noria assistant {run}-2 --part RUN --part RUN {shlex.join(overrides)}"
        raise UserError("settings are for an assistant that is being made", where=str(run), found=overrides[0], fix=fix)
    predictor = load(run)
    if predictor.task.target.kind != load_job(JOB)[1].target.kind:
        raise UserError(
            "this is no assistant", where=str(run), found=f"a model of the task {predictor.bundle.job.task}",
            fix=f"noria predict {run} SOUND, or make one of several: "
            "noria assistant NEW_RUN --part RECOGNISER --part WHAT_ANSWERS",
        )  # fmt: skip
    return predictor


def _make(run: Path, parts: Sequence[str], overrides: Sequence[str], reporter: Reporter) -> None:
    """Make the bundle, on the task's own examples: nothing is learnt from them, and they say nothing of its quality."""
    _, task = load_job(JOB)
    with tempfile.TemporaryDirectory() as folder:
        table = _examples(task, Path(folder))
        chosen = json.dumps([str(Path(one).expanduser().resolve()) for one in parts])
        settings = [f"data.path={table}", f"target.parts={chosen}", *overrides]
        train(JOB, settings, run=run, reporter=Silent())
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


def replies(
    predictor: Predictor, sounds: Sequence[str | Path], seconds: float | None = None, pause_s: float | None = None
) -> Iterator[Answer]:
    """Yield the reply to each sound, in order, then to what the microphone hears for some seconds.

    pause_s: after that, until Ctrl-C, to whatever is said, once so long a pause follows it: see `conversation`.
    """
    if not sounds and seconds is None and pause_s is None:
        raise UserError("there is nothing to hear", expected="sound files, --microphone SECONDS, or --listen PAUSE")
    for sound in sounds:
        yield from predictor.answers(predictor.chunks(Path(sound)))
    if seconds is not None:
        yield from _replied(predictor, recorded(seconds))
    if pause_s is not None:
        with suppress(KeyboardInterrupt):
            yield from conversation(predictor, pause_s)


def _replied(predictor: Predictor, sound: tuple[np.ndarray, int]) -> Iterator[Answer]:
    return predictor.answers(predictor.encoded([{only_input(predictor.task, "be talked to"): sound}]))


Ear = Callable[[Reporter], AbstractContextManager[Iterator[np.ndarray]]]


@contextmanager
def microphone(reporter: Reporter) -> Iterator[Iterator[np.ndarray]]:
    """Hear the microphone: pieces float32[T], RECORD_HZ samples a second, without end."""
    stream = _sounddevice().InputStream(samplerate=RECORD_HZ, channels=1, dtype="float32")

    def pieces() -> Iterator[np.ndarray]:
        while True:
            samples, has_lost = stream.read(round(PIECE_S * RECORD_HZ))
            if has_lost:
                reporter.say("some of what the microphone heard is lost: this machine is too busy")
            yield np.asarray(samples, np.float32).ravel()

    with stream:
        yield pieces()


def conversation(
    predictor: Predictor, pause_s: float, reporter: Reporter | None = None, ear: Ear = microphone
) -> Iterator[Answer]:
    """Yield the reply to each thing that is said, once a pause of `pause_s` seconds ends it; then say it aloud.

    The ear is closed meanwhile, so that an assistant does not hear itself. Ends where the ear hears no more.
    """
    if not LEAST_PAUSE_S <= pause_s <= MOST_PAUSE_S:
        expected = f"{LEAST_PAUSE_S:g} to {MOST_PAUSE_S:g} seconds: people pause for less than 0.7 within a sentence"
        raise UserError("this is no pause that ends what is said", expected=expected, found=f"{pause_s:g}")
    told, target, state = reporter or Terminal(), predictor.task.target, predictor.states["target"]
    while True:
        with ear(told) as pieces:
            turn = dispatch.hear(target, pieces, RECORD_HZ, pause_s, state)
        if turn is None:
            return
        if not turn.has_paused:
            seconds = len(turn.samples) / RECORD_HZ
            told.say(f"no pause of {pause_s:g} s in {seconds:.0f} s: what follows is not heard until the reply is said")
        for answer in _replied(predictor, (turn.samples, RECORD_HZ)):
            yield answer
            _play(answer)


def _play(answer: Answer) -> None:
    """Say a reply that is a sound, to its end."""
    media = None if answer.prediction is None else answer.prediction.media
    if media is not None:
        sound, sounddevice = read_sound(media.data), _sounddevice()
        sounddevice.play(sound.samples, sound.rate_hz)
        sounddevice.wait()


def recorded(seconds: float) -> tuple[np.ndarray, int]:
    """Return what the microphone hears for so long: samples and their rate."""
    sounddevice = _sounddevice()
    samples = sounddevice.rec(round(seconds * RECORD_HZ), samplerate=RECORD_HZ, channels=1, dtype="float32")
    sounddevice.wait()
    return np.asarray(samples, np.float32).ravel(), RECORD_HZ


def _sounddevice() -> Any:
    try:
        import sounddevice
    except (ImportError, OSError) as error:  # the latter: its library is missing
        raise needs_extra("sounddevice", "microphone", "hearing by a microphone") from error
    return sounddevice


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
