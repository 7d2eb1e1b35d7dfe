"""A sound inside of a page: its waveform, its spectrogram, and a player for its beginning.

A sound is a `Media` of WAV, 16 bits, as modalities display one and targets answer with one. The page stays without
scripts: the player is the browser's own. Read next: values.py.
"""

from __future__ import annotations

import base64
import io
import wave
from collections.abc import Sequence

import numpy as np

from noria.report.figure import LETTER, svg
from noria.report.markup import Markup, tag
from noria.report.pictures import picture
from noria.report.scale import clipped
from noria.sound.mel import MelSettings, log_mel
from noria.sound.reading import Sound
from noria.sound.wav import wav_bytes
from noria.types import Media, Span

WAV = "audio/wav"
SOUND_BYTES = 320_000  # of a sound that can be played: 10 s at 16 kHz
LEAST_BYTES = 32_000  # 1 s; less of a sound would say nothing
PAGE_BYTES = 4_000_000  # of all sounds of one section of a page
WIDTH, HEIGHT = 320, 48  # of a waveform, in units of its drawing; a spectrogram is as wide
NAMES = 16  # the height of the line in which names stand
BANDS = 48
QUIET = 9.0  # by how much, in natural logarithms, what is drawn white is below the loudest: 78 dB
FULL_SCALE = 2**15  # of 16 bits


def is_sound(value: object) -> bool:
    """Say whether a value is a WAV file of one channel and 16 bits, with any sample in it."""
    return isinstance(value, Media) and value.mime == WAV and _wave(value) is not None


def share_bytes(count: int) -> int:
    """Return how much of each of so many sounds can be played, so that their page stays one that opens."""
    return max(LEAST_BYTES, min(SOUND_BYTES, PAGE_BYTES // max(1, count)))


def sound(value: Media, most_bytes: int = SOUND_BYTES, times: Sequence[Span] = ()) -> Markup:
    """Return waveform, spectrogram and player; what of it cannot be played is said.

    times: stretches of seconds that are marked on the waveform, by their names.
    """
    found = _wave(value)
    assert found is not None, "is_sound says whether it is one"
    heard = found.samples[: max(1, most_bytes // 2)]
    said = f"{found.duration_s:.2f} s, {found.rate_hz:,} Hz"
    if len(heard) < len(found.samples):
        said += f"; the first {len(heard) / found.rate_hz:.1f} s can be played"
    source = f"data:{WAV};base64,{base64.b64encode(wav_bytes(heard, found.rate_hz)).decode('ascii')}"
    player = tag("audio", controls="", preload="none", src=source, aria_label=f"sound of {found.duration_s:.2f} s")
    return tag(
        "div", _waveform(found, times), _spectrogram(found), player, tag("p", said, class_="soft"), class_="sound"
    )


def said_of(value: Media) -> str:
    """Return a file in a few words: how long a sound is, how large any other."""
    found = _wave(value) if value.mime == WAV else None
    return f"a sound of {found.duration_s:.2f} s" if found else f"{value.mime} of {len(value.data):,} bytes"


def _wave(value: Media) -> Sound | None:
    """Return the samples; None for a WAV file of another layout than ours."""
    try:
        with wave.open(io.BytesIO(value.data)) as file:
            if file.getnchannels() != 1 or file.getsampwidth() != 2 or not file.getnframes():
                return None
            whole = np.frombuffer(file.readframes(file.getnframes()), "<i2")
            return Sound((whole / FULL_SCALE).astype(np.float32), file.getframerate())
    except (wave.Error, EOFError):
        return None


def _waveform(found: Sound, times: Sequence[Span]) -> Markup:
    """Draw the highest and the lowest sample of each of some stretches, and below them the names of the times."""
    count = min(WIDTH, len(found.samples))
    starts = np.linspace(0, len(found.samples), count, endpoint=False).astype(np.int64)
    high, low = np.maximum.reduceat(found.samples, starts), np.minimum.reduceat(found.samples, starts)
    loudest = max(float(np.abs(found.samples).max()), 1e-6)
    middle, across = HEIGHT / 2, WIDTH / count
    there = [f"{i * across:.1f} {middle - middle * y:.1f}" for i, y in enumerate(high / loudest)]
    back = [f"{i * across:.1f} {middle - middle * y:.1f}" for i, y in enumerate(low / loudest)][::-1]
    line = tag("path", d=f"M{' L'.join([*there, *back])}Z", class_="fill-0 stroke-0")
    told = f"{found.duration_s:.2f} seconds; the loudest sample is {loudest:.3f} of full scale"
    marks = [_mark(one, found.duration_s, index) for index, one in enumerate(times)]
    height = HEIGHT + (NAMES if marks else 0)
    return svg("waveform", told, height, *marks, line, width=WIDTH, style=f"height:{height}px")


def _mark(one: Span, duration_s: float, index: int) -> Markup:
    """Draw a stretch of time, every second one in another tone, and its name where there is room for it."""
    start, end = (min(1.0, max(0.0, second / max(duration_s, 1e-6))) * WIDTH for second in (one.start, one.end))
    said = tag("title", f"{one.name}: {one.start:.2f} to {one.end:.2f} s")
    tone = f"band fill-{1 + index % 2}"
    back = tag("rect", said, x=start, y=0, width=max(1.0, end - start), height=HEIGHT + NAMES, class_=tone)
    name = clipped(one.name, (end - start) / LETTER)
    label = tag("text", name, x=start, y=HEIGHT + NAMES - 4) if len(name) > 1 else None
    return tag("g", back, label)


def _spectrogram(found: Sound) -> Markup:
    """Draw how loud each band of pitch is, low ones below; black is loudest."""
    loud = log_mel(found.samples, MelSettings(found.rate_hz, BANDS))
    columns = np.linspace(0, len(loud) - 1, WIDTH).round().astype(np.int64)
    share = np.clip((loud[columns].T[::-1] - loud.max()) / QUIET + 1, 0, 1)
    return picture((255 * (1 - share)).astype(np.uint8), WIDTH)
