"""A sound from what people have: the bytes of a file, samples with a rate, or several of these in a row.

    bytes                                   wav, flac, mp3, ogg, opus, aiff, ...: told by their content, never by a name
    (samples, rate_hz), (rate_hz, samples)  an array [T] or [T, channels]; whole numbers are scaled by their type
    {"samples": .., "rate_hz": ..}          the same; `array` and `sampling_rate` are understood, and {"bytes": ..}
    [one, two, ..]                          one after another, at the rate of the first

Channels are averaged. Reading is strict: a file that breaks off and samples that are no numbers are refused. Decoding
goes block by block, so that of an hour only what is asked for is held. Read next: file_end.py, resampling.py.
"""

from __future__ import annotations

import io
import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from noria.errors import needs_extra
from noria.sound.file_end import UNKNOWN_LONG, WITH_END, flaw_of_file, other_kind, read_kind
from noria.sound.resampling import resampled
from noria.sound.sound import Sound

__all__ = ["Sound", "read_sound"]

LEAST_RATE_HZ, MOST_RATE_HZ = 1_000, 768_000
MOST_TIMES = 1e5  # the loudest sample is as loud as all but one of WILD: beyond that the rest is silence
WILD = 1000
MOST_SAMPLES = 2**28  # of one sound, 1 GB: 4.6 hours at 16 kHz
BLOCK = 2**18  # frames decoded at once
SCALES = {"u1": 128.0, "i2": 32_768.0, "i4": 2_147_483_648.0}  # full scale of samples that are whole numbers


def read_sound(value: Any, most_s: float = math.inf) -> Sound:
    """Return the sound that a value is, its first `most_s` seconds; raise ValueError with a plain reason."""
    if isinstance(value, list) and value and not isinstance(value[0], int | float):
        return _in_a_row(value, most_s)
    if isinstance(value, bytes | bytearray):
        sound = _of_file(bytes(value), most_s)
    elif isinstance(value, Mapping) and isinstance(value.get("bytes"), bytes):
        sound = _of_file(value["bytes"], most_s)
    elif isinstance(value, Sound):
        sound = _cut(value.samples, value.rate_hz, most_s)
    else:
        sound = _of_samples(*_samples_and_rate(value), most_s)
    if not len(sound.samples):
        raise ValueError("the sound has no sample")
    return replace(sound, samples=_within_scale(sound.samples))


def _in_a_row(values: list[Any], most_s: float) -> Sound:
    parts: list[np.ndarray] = []
    rate_hz, left_s, unread_s = 0, most_s, 0.0
    for number, value in enumerate(values, 1):
        try:
            sound = read_sound(value, max(left_s, 0.001))
        except ValueError as error:
            raise ValueError(f"sound {number} of {len(values)}: {error}") from None
        if left_s <= 0:
            unread_s += sound.duration_s + sound.unread_s
            continue
        rate_hz = rate_hz or sound.rate_hz
        parts.append(resampled(sound, rate_hz).samples)
        left_s -= sound.duration_s
        unread_s += sound.unread_s
    return Sound(np.concatenate(parts), rate_hz, unread_s)


def _of_file(data: bytes, most_s: float) -> Sound:
    try:
        import soundfile
    except ImportError as error:
        raise needs_extra("soundfile", "audio", "reading sounds") from error
    if not data:
        raise ValueError("the file is empty")
    if flaw := flaw_of_file(data):
        raise ValueError(flaw)
    try:
        with soundfile.SoundFile(io.BytesIO(data)) as file:
            if file.format not in WITH_END:
                raise ValueError(f"is a file of {file.format_info}, whose end is not known here: convert it to wav")
            return _unmeasured(file, most_s) if file.frames >= UNKNOWN_LONG else _decoded(file, most_s)
    except soundfile.LibsndfileError as error:
        if kind := other_kind(data):
            raise ValueError(f"is {kind}, which is not read here: convert it, with ffmpeg -i FILE x.wav") from None
        if kind := read_kind(data):
            reason = error.error_string.removeprefix("Error : ").rstrip(".")
            raise ValueError(
                f"the file is broken: it begins as {kind}, but breaks off or is damaged: {reason}"
            ) from None
        raise ValueError("no whole sound in a known format: wav, flac, mp3, ogg, opus, aiff") from None


def _decoded(file: Any, most_s: float) -> Sound:
    """Return what is asked for of an open file, its channels averaged block by block."""
    _check_rate(file.samplerate)
    whole = file.frames
    wanted = whole if math.isinf(most_s) else min(whole, math.ceil(most_s * file.samplerate))
    _check_length(wanted)
    samples = np.zeros(wanted, np.float32)
    done = 0
    while done < wanted:
        block = file.read(min(BLOCK, wanted - done), dtype="float32", always_2d=True)
        if not len(block):
            raise ValueError(
                f"the file breaks off: it holds {done / whole:.0%} of {whole / file.samplerate:.2f} seconds"
            )
        samples[done : done + len(block)] = block.mean(1)
        done += len(block)
    return Sound(samples, file.samplerate, (whole - wanted) / file.samplerate)


def _unmeasured(file: Any, most_s: float) -> Sound:
    """Return the same of a file that was written before its length was known: it is decoded to its end."""
    _check_rate(file.samplerate)
    file.seekable = lambda: False  # or else the reader looks for its place by a length that is not there
    wanted, kept, total = most_s * file.samplerate, 0, 0
    blocks: list[np.ndarray] = []
    while len(block := file.read(BLOCK, dtype="float32", always_2d=True)):
        total += len(block)
        if kept < wanted:
            blocks.append(block.mean(1)[: math.ceil(min(wanted - kept, BLOCK))])
            kept += len(blocks[-1])
            _check_length(kept)
    return Sound(np.concatenate([np.zeros(0, np.float32), *blocks]), file.samplerate, (total - kept) / file.samplerate)


def _samples_and_rate(value: Any) -> tuple[Any, int]:
    """Return samples as they were given, and their rate in Hz."""
    samples = rate = None
    if isinstance(value, Mapping):
        samples = value.get("samples", value.get("array"))
        rate = value.get("rate_hz", value.get("sampling_rate"))
    elif isinstance(value, tuple) and len(value) == 2:
        samples, rate = value if np.ndim(value[1]) == 0 else (value[1], value[0])
    elif isinstance(value, np.ndarray | list):
        raise ValueError('samples without a rate: give {"samples": .., "rate_hz": ..}')
    if samples is None or not isinstance(rate, int | float | np.number) or isinstance(rate, bool):
        raise ValueError(f"not a sound but {type(value).__name__}: a file, or samples with their rate_hz")
    if not math.isfinite(rate) or int(rate) != rate:
        raise ValueError(f"a rate of {rate} Hz: rate_hz is a whole number")
    return samples, int(rate)


def _of_samples(given: Any, rate_hz: int, most_s: float) -> Sound:
    _check_rate(rate_hz)
    try:
        samples = np.asarray(given)
    except ValueError:
        raise ValueError("the samples are no array: rows of unequal length") from None
    if not samples.size:
        raise ValueError("the sound has no sample")
    if samples.dtype == np.int64 and not isinstance(given, np.ndarray):
        samples = samples.astype(np.float64)  # a list of JSON, whose zeros and ones are written without a point
    if samples.dtype.kind == "f":
        scaled = samples
    elif (kind := samples.dtype.str[1:]) in SCALES:
        scaled = (samples.astype(np.float64) - (128 if kind == "u1" else 0)) / SCALES[kind]
    else:
        raise ValueError(f"samples of {samples.dtype}: expected numbers within [-1, 1], uint8, int16 or int32")
    if scaled.ndim == 2:
        scaled = scaled.mean(1 if scaled.shape[1] <= scaled.shape[0] else 0)  # [channels, T] as well
    if scaled.ndim != 1:
        raise ValueError(f"an array of shape {samples.shape} is no sound of shape [T] or [T, channels]")
    return _cut(np.asarray(scaled, np.float32), rate_hz, most_s)


def _cut(samples: np.ndarray, rate_hz: int, most_s: float) -> Sound:
    wanted = len(samples) if math.isinf(most_s) else min(len(samples), math.ceil(most_s * rate_hz))
    _check_length(wanted)
    return Sound(samples[:wanted], rate_hz, (len(samples) - wanted) / rate_hz)


def _within_scale(samples: np.ndarray) -> np.ndarray:
    """Return the samples within [-1, 1]: what is louder is turned down as a whole, so that nothing is clipped."""
    peak = float(np.abs(samples).max())
    if not math.isfinite(peak):
        bad = np.flatnonzero(~np.isfinite(samples))
        said = "1 sample is no finite number" if len(bad) == 1 else f"{len(bad):,} samples are no finite numbers"
        raise ValueError(f"{said}, the first is sample {bad[0] + 1:,}")
    if peak > 1:
        sizes = np.abs(samples)
        usual = float(np.partition(sizes, -1 - len(sizes) // WILD)[-1 - len(sizes) // WILD])
        if peak > MOST_TIMES * usual > 0:
            place = int(sizes.argmax()) + 1
            raise ValueError(f"sample {place:,} is {peak:.3g}, beyond every scale: the rest would become silence")
    return np.asarray(samples / peak if peak > 1 else samples, np.float32)


def _check_rate(rate_hz: int) -> None:
    if not LEAST_RATE_HZ <= rate_hz <= MOST_RATE_HZ:
        raise ValueError(f"a rate of {rate_hz:,} Hz: sounds of {LEAST_RATE_HZ:,} to {MOST_RATE_HZ:,} Hz are read")


def _check_length(count: int) -> None:
    if count > MOST_SAMPLES:
        raise ValueError(f"the sound is too long: {count:,} samples, at most {MOST_SAMPLES:,} are read")
