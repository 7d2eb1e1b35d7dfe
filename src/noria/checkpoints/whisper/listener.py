"""faster-whisper on one sound: guarded, so that silence, noise and loops give no text that nobody said.

    Silero VAD before it                what is no speech is not heard at all
    no_speech of each stretch           what Whisper itself takes for no speech is left out
    condition_on_previous_text: off     one mistake does not become the next stretch's text
    compression ratio, temperature      a stretch that repeats itself is decoded again, by seeded draws
    words without a sound               a run of words that all stand at one moment is a loop, and is left out

What is left out is told with its time and reason. Read next: target.py.
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from noria.errors import needs_extra

MOST_COMPRESSED = 2.4  # of a text by zlib: OpenAI's own limit, above which a stretch repeats itself
TEMPERATURES = (0.0, 0.2, 0.4)  # hotter ones, as is usual, take long and invent
SILENT = 4e-5  # the last bit of a recording of 16 bits is 3.1e-5: nothing can be heard in it
MOMENT_S, LOOP_WORDS = 0.04, 3  # so many words in a row that are shorter than this were not said
PAUSE_MS, PAD_MS = 1000, 200  # a pause that ends a stretch of speech, and what is left of it on either side


@dataclass(frozen=True)
class Asked:
    """How a sound is listened to: what a user can set."""

    language: str | None
    prompt: str | None
    hotwords: str | None
    beams: int
    skips_silence: bool
    most_no_speech: float


@dataclass(frozen=True)
class Heard:
    """Words (text as written, with the space before it; start and end in seconds; probability), and what is not one.

    left_out: start and end in seconds of what is no answer, its text and why.
    """

    words: list[tuple[str, float, float, float]]
    left_out: list[tuple[float, float, str, str]]
    language: str


class Listener:
    """A loaded model."""

    def __init__(self, files: Mapping[str, bytes], device: str, precision: str, threads: int) -> None:
        try:
            from faster_whisper import WhisperModel
        except ImportError as error:
            raise needs_extra("faster-whisper", "whisper", "a Whisper model") from error
        whole: dict[str, Any] = {**files}
        whole["model.bin"] = io.BytesIO(files["model.bin"])
        self._model = WhisperModel(
            "bundle", device=device, compute_type=precision, cpu_threads=threads, files=whole, local_files_only=True
        )

    def hear(self, samples: np.ndarray, asked: Asked) -> Heard:
        """Return what is said in samples float32[T], 16,000 a second: the same whatever was heard before."""
        import ctranslate2

        ctranslate2.set_random_seed(0)
        if np.abs(samples).max(initial=0.0) <= SILENT:
            return Heard([], [], asked.language or "")
        segments, info = self._model.transcribe(
            samples, language=asked.language, beam_size=asked.beams, temperature=TEMPERATURES,
            compression_ratio_threshold=MOST_COMPRESSED, no_speech_threshold=asked.most_no_speech,
            condition_on_previous_text=False, initial_prompt=asked.prompt, hotwords=asked.hotwords,
            word_timestamps=True, vad_filter=asked.skips_silence,
            vad_parameters={"min_silence_duration_ms": PAUSE_MS, "speech_pad_ms": PAD_MS},
        )  # fmt: skip
        return _kept(segments, asked.most_no_speech, info.language)


def _kept(segments: Iterable[Any], most_no_speech: float, language: str) -> Heard:
    """Return the words that were said, and what else the model wrote."""
    words: list[tuple[str, float, float, float]] = []
    left_out: list[tuple[float, float, str, str]] = []
    for segment in segments:
        if segment.no_speech_prob > most_no_speech:
            reason = f"no speech, by {segment.no_speech_prob:.0%}"
            left_out.append((float(segment.start), float(segment.end), segment.text.strip(), reason))
            continue
        words += [(one.word, float(one.start), float(one.end), float(one.probability)) for one in segment.words or ()]
    said, loops = without_loops(words)
    return Heard(said, sorted([*left_out, *loops]), language)


def without_loops(
    words: list[tuple[str, float, float, float]],
) -> tuple[list[tuple[str, float, float, float]], list[tuple[float, float, str, str]]]:
    """Return the words without runs that have no sound of their own, and these runs."""
    kept, loops, run = [], [], []
    for word in [*words, ("", 0.0, math.inf, 0.0)]:
        if word[2] - word[1] < MOMENT_S:
            run.append(word)
            continue
        if len(run) >= LOOP_WORDS:
            loops.append((run[0][1], run[-1][2], "".join(one[0] for one in run).strip(), "words without a sound"))
        else:
            kept += run
        run = []
        kept.append(word)
    return kept[:-1], loops
