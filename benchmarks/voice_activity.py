"""Who hears speech better in noise: Noria's detector, trained here in minutes, or Silero's, at equal false alarms.

    python benchmarks/voice_activity.py [--seeds 3] [--scenes 24] [--steps 1500] [--keep FOLDER]

Training: clean clips of four speakers of FSDD, four fifths of the Mandarin words, 24 sentences of LJSpeech; what is
loud in them is speech, noise is made by Noria's augmentation. Test: scenes of 6 s with clips of what was held out (two
speakers, a fifth of the words, 8 sentences) at 20, 10, 5 and 0 dB over noise that is made here, in samples, of kinds
that training does not have: brown and violet noise, an engine, rain, babble of held-out voices. The truth is where the
clean clips are loud; 0.1 s around its edges is not scored, as nobody agrees on it. Each side has the threshold at which
it takes 5 % (and 1 %) of all other frames for speech. Intervals: 1,000 resamples of the scenes, both sides on the same.
"""

from __future__ import annotations

import argparse
import csv
import json
import statistics
import tarfile
import tempfile
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from measuring import DATA, machine

from noria.pipeline.predictor import Predictor, load
from noria.reporter import Silent
from noria.sound.energy import loud_spans
from noria.sound.reading import Sound, read_sound
from noria.sound.resampling import resampled
from noria.sound.wav import wav_bytes
from noria.stages.train import train
from noria.targets.segments.spans import frames_of

RATE_HZ, HOP_S, COLLAR_S, SCENE_S = 16_000, 0.010, 0.1, 6.0
HELD_OUT = ("theo", "lucas")
RANGE_DB = 30.0
SNRS_DB = (20, 10, 5, 0)
NOISES = ("brown", "violet", "engine", "rain", "babble")
FALSE_ALARMS = (0.05, 0.01)
CHUNK = 512  # samples that Silero takes at once


@dataclass(frozen=True)
class Scene:
    """A noisy sound, which of its frames are speech, and which count."""

    samples: np.ndarray
    is_speech: np.ndarray
    is_scored: np.ndarray
    source: str
    snr_db: int
    noise: str


def main() -> None:
    """Train, make scenes, ask both sides, print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--scenes", type=int, default=24, help="of each source at each level")
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--keep", type=Path, help="where the runs stay; those that are there are not trained again")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        keep = arguments.keep or Path(scratch)
        keep.mkdir(parents=True, exist_ok=True)
        learnt, held_out = divided()
        data = written(learnt, keep / "clips")
        silero = silero_speech()
        for seed in range(arguments.seeds):
            run = keep / f"seed-{seed}"
            if not (run / "metrics.json").is_file():
                train(job_of(data, seed, arguments.steps), run=run, reporter=Silent())
            predictor = load(run, device="cpu")
            scenes = scenes_of(held_out, arguments.scenes, seed)
            sides = {
                "noria": [noria_speech(predictor, one) for one in scenes],
                "silero": [silero(one) for one in scenes],
            }
            print(f"\nseed {seed}: {len(scenes)} scenes of {SCENE_S:g} s", flush=True)
            print("\n".join(compared(scenes, sides, seed)), flush=True)
        speed = json.dumps(seconds_per_second(predictor, silero))
        print(f"\nmilliseconds of processor time for a second of sound, one thread: {speed}")
        print(machine())


def divided() -> tuple[dict[str, list[Sound]], dict[str, list[Sound]]]:
    """Return the clips to learn from and those to test on, by source."""
    learnt: dict[str, list[Sound]] = {"digits": [], "words": [], "sentences": []}
    held_out: dict[str, list[Sound]] = {"digits": [], "words": [], "sentences": []}
    with tarfile.open(DATA / "spoken_digits" / "fsdd.tar.gz") as archive:
        for name, data in members(archive, ".wav"):
            (held_out if name.split("_")[1] in HELD_OUT else learnt)["digits"].append(read_sound(data))
    with tarfile.open(DATA / "mandarin_words" / "hsk1-5.tar") as archive:
        for name, data in members(archive, ".mp3"):
            try:
                sound = read_sound(data)
            except ValueError:
                continue
            (held_out if zlib.crc32(name.encode()) % 5 == 0 else learnt)["words"].append(sound)
    for number, path in enumerate(sorted((DATA / "ljspeech" / "wavs").glob("*.wav"))):
        (held_out if number % 4 == 0 else learnt)["sentences"].append(read_sound(path.read_bytes()))
    return learnt, held_out


def members(archive: tarfile.TarFile, suffix: str) -> list[tuple[str, bytes]]:
    """Return name and content of the archive's files of a kind, by name."""
    found = [one for one in archive.getmembers() if one.isfile() and one.name.endswith(suffix)]
    return [(Path(one.name).name, archive.extractfile(one).read()) for one in sorted(found, key=lambda one: one.name)]  # type: ignore[union-attr]


def written(clips: dict[str, list[Sound]], folder: Path) -> Path:
    """Write the clips as files with a table; return its path."""
    table = folder / "clips.csv"
    if table.is_file():
        return table
    folder.mkdir(parents=True, exist_ok=True)
    with table.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["audio", "source"])
        for source, sounds in clips.items():
            for number, sound in enumerate(sounds):
                name = f"{source}-{number}.wav"
                (folder / name).write_bytes(wav_bytes(sound.samples, sound.rate_hz))
                rows.writerow([name, source])
    return table


def job_of(data: Path, seed: int, steps: int) -> dict[str, Any]:
    return {
        "task": "voice-activity-detection",
        "data": {"path": str(data), "split": {"validation": 0.05, "test": 0.05}},
        "inputs": {"audio": {"rate_hz": 8000}},
        "target": {"energy_db": RANGE_DB},
        "train": {"steps": steps, "seed": seed, "batch_size": 64, "validations": 1, "precision": "float32"},
        "evaluate": {"resamples": 100},
    }


def scenes_of(clips: dict[str, list[Sound]], count: int, seed: int) -> list[Scene]:
    """Return noisy scenes of each source at each level, the kinds of noise in turn."""
    generator = np.random.default_rng(1000 + seed)
    every = [one for sounds in clips.values() for one in sounds]
    scenes = []
    for source, sounds in clips.items():
        for snr_db in SNRS_DB:
            for number in range(count):
                noise = NOISES[number % len(NOISES)]
                scenes.append(scene_of(sounds, every, source, snr_db, noise, generator))
    return scenes


def scene_of(
    sounds: list[Sound], every: list[Sound], source: str, snr_db: int, noise: str, generator: np.random.Generator
) -> Scene:
    """Return clips laid into silence one after another, in noise of one kind."""
    total = round(SCENE_S * RATE_HZ)
    samples, spans, at_s = np.zeros(total, np.float32), [], generator.uniform(0.2, 1.5)
    while at_s < SCENE_S - 0.3:
        clip = resampled(sounds[generator.integers(len(sounds))], RATE_HZ)
        start = round(at_s * RATE_HZ)
        piece = clip.samples[: min(len(clip.samples), total - start, round(3 * RATE_HZ))]
        samples[start : start + len(piece)] += piece / max(1e-3, float(np.abs(clip.samples).max())) * 0.3
        spans += [[at_s + a, min(at_s + b, SCENE_S)] for a, b in loud_spans(Sound(piece, RATE_HZ), RANGE_DB)]
        at_s += len(piece) / RATE_HZ + generator.uniform(0.4, 1.5)
    truth, frames = np.array(spans).reshape(-1, 2), round(SCENE_S / HOP_S)
    is_speech = frames_of(truth, frames, HOP_S)
    edges = np.stack([truth.ravel() - COLLAR_S, truth.ravel() + COLLAR_S], 1)
    loud = samples[np.repeat(is_speech, round(HOP_S * RATE_HZ))]
    sound = noise_of(noise, total, every, generator)
    level = np.sqrt(np.mean(loud**2) / 10 ** (snr_db / 10)) / max(1e-9, float(np.sqrt(np.mean(sound**2))))
    mixed = samples + level * sound
    return Scene(
        (mixed / max(1.0, float(np.abs(mixed).max()))).astype(np.float32), is_speech,
        ~frames_of(edges, frames, HOP_S), source, snr_db, noise,
    )  # fmt: skip


def noise_of(kind: str, count: int, every: list[Sound], generator: np.random.Generator) -> np.ndarray:
    """Return noise of a kind, float[count]."""
    if kind == "babble":
        return np.sum([endless(every[generator.integers(len(every))], count, generator) for _ in range(6)], 0)
    if kind == "engine":
        times = np.arange(count) / RATE_HZ
        turning = np.cumsum(generator.uniform(25, 60) * (1 + 0.1 * np.sin(2 * np.pi * 0.3 * times))) / RATE_HZ
        tones = sum(np.sin(2 * np.pi * k * turning + generator.uniform(0, 6)) / k**0.7 for k in range(1, 30))
        return np.asarray(tones * (1 + 0.3 * np.sin(2 * np.pi * 11 * times)) + 0.3 * generator.normal(size=count))
    if kind == "rain":
        drops = generator.normal(size=count) * (generator.random(count) < 0.01)
        return np.convolve(drops, np.exp(-np.arange(80) / 15) * np.cos(np.arange(80) * 0.9), "same")
    slope = {"brown": -1.0, "violet": 1.0}[kind]
    spectrum = np.fft.rfft(generator.normal(size=count))
    scale = np.maximum(np.arange(len(spectrum)), 20 * count / RATE_HZ) ** slope  # below 20 Hz nothing is heard
    return np.fft.irfft(spectrum * scale, count)


def endless(sound: Sound, count: int, generator: np.random.Generator) -> np.ndarray:
    """Return a clip over and over, from a place on that is drawn."""
    samples = resampled(sound, RATE_HZ).samples
    samples = samples / max(1e-3, float(np.sqrt(np.mean(samples**2))))
    return np.asarray(samples[(np.arange(count) + generator.integers(len(samples))) % len(samples)])


def noria_speech(predictor: Predictor, scene: Scene) -> np.ndarray:
    """Return the probability of speech of each frame."""
    (chunk,) = predictor.encoded([{"audio": (scene.samples, RATE_HZ)}])
    rows = predictor.outputs(chunk.records)["probabilities"]
    return np.asarray(rows[0][: len(scene.is_speech)])


def silero_speech() -> Callable[[Scene], np.ndarray]:
    """Return what asks Silero in the same way."""
    import torch
    from silero_vad import load_silero_vad

    model = load_silero_vad()

    def speech(scene: Scene) -> np.ndarray:
        model.reset_states()
        padded = torch.from_numpy(np.pad(scene.samples, (0, -len(scene.samples) % CHUNK)))
        with torch.inference_mode():
            given = np.array([float(model(padded[i : i + CHUNK], RATE_HZ)) for i in range(0, len(padded), CHUNK)])
        places = (np.arange(len(scene.is_speech)) * HOP_S * RATE_HZ / CHUNK).astype(int)
        return given[places]

    return speech


def compared(scenes: list[Scene], sides: dict[str, list[np.ndarray]], seed: int) -> list[str]:
    """Return lines of a table: misses of each side at equal false alarms, and the difference with its interval."""
    lines = ["| scenes | false alarms | noria misses | silero misses | difference [95 %] |", "|---|---|---|---|---|"]
    groups: dict[str, list[int]] = {"all": list(range(len(scenes)))}
    for name in ("source", "snr_db", "noise"):
        for index, scene in enumerate(scenes):
            groups.setdefault(f"{name} {getattr(scene, name)}", []).append(index)
    for group, chosen in groups.items():
        for rate in FALSE_ALARMS if group == "all" else FALSE_ALARMS[:1]:
            counts = {
                side: missed([scenes[i] for i in chosen], [given[i] for i in chosen], rate)
                for side, given in sides.items()
            }
            ours, theirs = (share(counts[side]) for side in ("noria", "silero"))
            low, high = interval(counts, seed)
            shown = f"{ours - theirs:+.3f} [{low:+.3f}, {high:+.3f}]"
            lines.append(f"| {group} (n={len(chosen)}) | {rate:.0%} | {ours:.3f} | {theirs:.3f} | {shown} |")
    return lines


def missed(scenes: list[Scene], given: list[np.ndarray], rate: float) -> np.ndarray:
    """Return int[n, 2]: missed and all frames of speech of each scene, at the threshold of so many false alarms."""
    others = np.concatenate([p[~s.is_speech & s.is_scored] for s, p in zip(scenes, given, strict=True)])
    threshold = np.quantile(others, 1 - rate)
    speech = [p[s.is_speech & s.is_scored] for s, p in zip(scenes, given, strict=True)]
    return np.array([[int((p <= threshold).sum()), len(p)] for p in speech])


def share(counts: np.ndarray) -> float:
    return float(counts[:, 0].sum() / counts[:, 1].sum())


def interval(counts: dict[str, np.ndarray], seed: int) -> tuple[float, float]:
    """Return the 95 % interval of the difference over resampled scenes."""
    generator = np.random.default_rng(seed)
    size = len(counts["noria"])
    drawn = [generator.integers(0, size, size) for _ in range(1000)]
    differences = [share(counts["noria"][rows]) - share(counts["silero"][rows]) for rows in drawn]
    low, high = np.quantile(differences, [0.025, 0.975])
    return float(low), float(high)


def seconds_per_second(predictor: Predictor, silero: Callable[[Scene], np.ndarray]) -> dict[str, float]:
    """Return the median milliseconds of one core that a second takes: spectra and network."""
    import torch

    torch.set_num_threads(1)
    samples = np.random.default_rng(0).normal(size=RATE_HZ).astype(np.float32) * 0.05
    one = Scene(samples, np.zeros(100, bool), np.ones(100, bool), "", 0, "")
    audio, state = predictor.task.inputs["audio"], predictor.states["inputs"]["audio"]
    arrays = audio.encode([(samples[::2], 8000)], state).arrays
    tensors = {"mel": torch.from_numpy(arrays["mel"].padded()), "mel.lengths": torch.from_numpy(arrays["mel"].lengths)}
    work: dict[str, Callable[[], object]] = {
        "noria, network": lambda: predictor.network({"audio": tensors}),
        "noria, with spectra": lambda: (
            audio.encode([(samples[::2], 8000)], state),
            predictor.network({"audio": tensors}),
        ),
        "silero": lambda: silero(one),
    }
    with torch.inference_mode():
        return {name: round(1000 * statistics.median(timed(run) for _ in range(100)), 3) for name, run in work.items()}


def timed(run: Callable[[], object]) -> float:
    start = time.process_time()  # what other work on these cores takes does not count
    run()
    return time.process_time() - start


if __name__ == "__main__":
    main()
