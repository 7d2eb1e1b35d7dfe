"""A voice, judged by what is heard: words that training has not seen, recognised back, and their tones.

    python benchmarks/synthesis.py --voice RUN --vocoder RUN --recogniser RUN [--data hsk1-5.tar] [--words 100]

The words are in the test splits of all three runs (jobs mandarin_voice, mandarin_vocoder, mandarin_words). One table:
natural speech, the same with its pitch flattened, its spectrograms through Griffin-Lim, with and without what tells the
pitch, and through the vocoder, and the voice through both. Syllable errors are those of the recogniser, toned and
toneless; tone accuracy is that of a probe on the pitch of the last syllable, learnt from natural words of the voice's
training split (sound/tones.py). Distortion and pitch error are along the best path to natural speech. Real-time factor:
seconds for a second of sound, one thread.
"""

from __future__ import annotations

import argparse
import io
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import torch
from measuring import DATA, machine

import noria
from noria.pipeline.predictor import Predictor
from noria.reporter import Silent
from noria.sound.distortion import cepstra, mel_distortion, warping_path
from noria.sound.flat_pitch import with_flat_pitch, without_harmonics
from noria.sound.griffin_lim import mel_to_samples
from noria.sound.mel import MelSettings, log_mel
from noria.sound.pitch import filled, pitch_hz
from noria.sound.reading import read_sound
from noria.sound.resampling import resampled
from noria.sound.tones import ToneProbe, last_contour
from noria.sources.formats.opening import open_source
from noria.stages.prepared_again import prepared_again
from noria.text.pinyin import read_syllables

SETTINGS = MelSettings(16_000, 80)
RESAMPLES = 1000
Sounds = dict[str, np.ndarray]


@dataclass(frozen=True)
class Judges:
    """Who says what is heard: a recogniser, and a probe of tones that was learnt from natural speech."""

    recogniser: Predictor
    probe: ToneProbe
    natural: Sounds


def main() -> None:
    """Speak the words in every way, judge them, print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("voice", "vocoder", "recogniser"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--data", type=Path, default=DATA / "mandarin_words" / "hsk1-5.tar")
    parser.add_argument("--words", type=int, default=100)
    given = parser.parse_args()
    torch.set_num_threads(1)
    natural = recordings(given.data)
    splits = {name: words_of(getattr(given, name)) for name in ("voice", "vocoder", "recogniser")}
    shared = set.intersection(*(split["test"] for split in splits.values())) & natural.keys()
    words = sorted(shared)[: given.words]
    learnt = sorted((splits["voice"]["train"] - splits["recogniser"]["test"]) & natural.keys())
    probe = ToneProbe(np.stack([contour(word, natural[word]) for word in learnt]), [tone_of(word) for word in learnt])
    judges = Judges(noria.load(given.recogniser), probe, natural)
    print(f"{machine()}; {len(words)} words of {len(shared)} that no run has seen; probe learnt from {len(learnt)}")
    print("| speech | toned error | toneless error | tone accuracy | distortion dB | pitch error semitones | RTF |")
    print("|---|---|---|---|---|---|---|")
    for name, speak in ways(given, natural).items():
        started = time.perf_counter()
        sounds = {word: speak(word) for word in words}
        seconds = sum(map(len, sounds.values())) / SETTINGS.rate_hz
        factor = (time.perf_counter() - started) / seconds
        print(f"| {name} | {' | '.join(judged(sounds, judges))} | {factor:.3f} |", flush=True)


def ways(given: argparse.Namespace, natural: Sounds) -> dict[str, Callable[[str], np.ndarray]]:
    """Return how a word is spoken, by name."""
    plain, vocoder = noria.load(given.voice), noria.load(given.vocoder)

    def vocoded(samples: np.ndarray) -> np.ndarray:
        return samples_of(vocoder.predict({"audio": (samples, SETTINGS.rate_hz)})[0])

    voices: dict[str, Callable[[str], np.ndarray]] = {
        "natural": lambda word: natural[word],
        "natural, pitch flattened": lambda word: with_flat_pitch(natural[word], SETTINGS.rate_hz),
        "natural mel, Griffin-Lim": lambda word: mel_to_samples(log_mel(natural[word], SETTINGS), SETTINGS),
        "the same without harmonics": lambda word: whispered(natural[word]),
        "natural mel, vocoder": lambda word: vocoded(natural[word]),
        "voice": lambda word: samples_of(plain.predict({"text": word})[0]),
    }
    if not plain.states["target"].get("parts"):
        plain_state = dict(plain.states["target"])
        neural = noria.load(given.voice)
        neural.states = {**neural.states, "target": {**plain_state, "parts": {"voice": vocoder}}}
        voices["voice, Griffin-Lim"] = voices.pop("voice")
        voices["voice, vocoder"] = lambda word: samples_of(neural.predict({"text": word})[0])
    return voices


def whispered(samples: np.ndarray) -> np.ndarray:
    """Return speech without its pitch, by the way that keeps the rest."""
    return mel_to_samples(without_harmonics(log_mel(samples, SETTINGS)), SETTINGS)


def judged(sounds: Sounds, judges: Judges) -> list[str]:
    """Return the cells of one line: means over words, the first three with intervals of the bootstrap."""
    words = list(sounds)
    toned, toneless = syllable_errors(sounds, judges.recogniser)
    contours = np.stack([contour(word, sounds[word]) for word in words])
    is_right = (judges.probe(contours) == [tone_of(word) for word in words]).astype(float)
    off = np.array([distances(sounds[word], judges.natural[word]) for word in words])
    cells = [with_interval(one) for one in (toned, toneless, is_right)]
    return [*cells, f"{off[:, 0].mean():.2f}", f"{off[:, 1].mean():.2f}"]


def syllable_errors(sounds: Sounds, recogniser: Predictor) -> tuple[np.ndarray, np.ndarray]:
    """Return the error of each word's syllables, with and without their tones."""
    target, state = recogniser.task.target, recogniser.states["target"]
    metrics = {one.name: one for one in target.metrics(state)}
    words, errors = list(sounds), []
    for chunk in recogniser.encoded([{"audio": (samples, SETTINGS.rate_hz)} for samples in sounds.values()]):
        count = len(chunk.records)
        truth, words = target.encode(words[:count], state).arrays, words[count:]
        output, each = recogniser.outputs(chunk.records), np.eye(count, dtype=np.float32)
        errors.append([metrics[name].value(output, truth, each) for name in ("syllable_error", "toneless_error")])
    toned, toneless = (np.concatenate(one) for one in zip(*errors, strict=True))
    assert len(toned) == len(sounds)
    return toned, toneless


def distances(one: np.ndarray, natural: np.ndarray) -> tuple[float, float]:
    """Return distortion in dB and pitch error in semitones, over frames that both voice."""
    mels = [log_mel(samples, SETTINGS) for samples in (one, natural)]
    path = warping_path(*map(cepstra, mels))
    pitches = [pitch_hz(samples, SETTINGS.rate_hz) for samples in (one, natural)]
    is_both = (pitches[0][path[:, 0]] > 0) & (pitches[1][path[:, 1]] > 0)
    octaves = [np.log2(filled(pitch) + 1e-9) for pitch in pitches]
    steps = 12 * (octaves[0][path[:, 0]] - octaves[1][path[:, 1]])[is_both]
    return mel_distortion(*mels, path), float(np.sqrt((steps**2).mean())) if is_both.any() else 0.0


def with_interval(values: np.ndarray) -> str:
    """Return a mean and its 95 % interval over words."""
    drawn = np.random.default_rng(0).integers(0, len(values), (RESAMPLES, len(values)))
    low, high = np.quantile(values[drawn].mean(1), [0.025, 0.975])
    return f"{values.mean():.3f} ({low:.3f} to {high:.3f})"


def contour(word: str, samples: np.ndarray) -> np.ndarray:
    return last_contour(samples, SETTINGS.rate_hz, len(read_syllables(word)[0]))


def tone_of(word: str) -> int:
    return int(read_syllables(word)[0][-1][-1])


def samples_of(answer: Any) -> np.ndarray:
    return np.asarray(soundfile.read(io.BytesIO(answer.media.data), dtype="float32")[0])


def recordings(path: Path) -> Sounds:
    """Return the samples of every word, by the word."""
    found: Sounds = {}
    for rows in open_source(path).rows():
        for number, data in zip(rows.numbers, rows.columns["file"], strict=True):
            found[Path(str(number)).stem] = resampled(read_sound(data), SETTINGS.rate_hz).samples
    return found


def words_of(run: Path) -> dict[str, set[str]]:
    """Return the words of each split of a run."""
    _, _, prepared = prepared_again(run, Silent())
    return {name: {Path(one).stem for one in split.wheres()} for name, split in prepared.splits.items()}


if __name__ == "__main__":
    main()
