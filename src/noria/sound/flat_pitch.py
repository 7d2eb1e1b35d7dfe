"""Speech whose pitch is flattened or taken away, and nothing else: what shows whether a measure hears tones.

with_flat_pitch     periods are cut out around their peaks and put down again at an even distance. Source: Moulines
                    and Charpentier 1990, "Pitch-synchronous waveform processing techniques" (TD-PSOLA)
without_harmonics   log-mel frames whose envelope is kept and whose harmonics are not: Griffin-Lim makes a whisper
                    of them, without the rough edges that cutting has
"""

from __future__ import annotations

import numpy as np

from noria.sound.pitch import filled, pitch_hz

ENVELOPE = 18  # of 80 bands: formants are wider than a ninth of them, harmonics of a voice narrower


def with_flat_pitch(samples: np.ndarray, rate_hz: int, hop_s: float = 0.01) -> np.ndarray:
    """Return the sound with the median of its pitch everywhere, float32[T]; as it is where it has none."""
    pitch = pitch_hz(samples, rate_hz, hop_s)
    if not (pitch > 0).any():
        return np.asarray(samples, np.float32)
    hop = round(hop_s * rate_hz)
    periods = rate_hz / filled(pitch)
    flat = rate_hz / float(np.median(pitch[pitch > 0]))
    is_voiced = np.interp(np.arange(len(samples)) / hop, np.arange(len(pitch)), pitch > 0) >= 0.5
    marks = _marks(np.asarray(samples, np.float64), periods, hop)
    made, weight = np.zeros(len(samples)), np.zeros(len(samples))
    place = float(marks[0])
    while place < len(samples):
        mark = marks[np.abs(marks - place).argmin()]
        size = int(periods[min(mark // hop, len(periods) - 1)])
        window = np.hanning(2 * size + 1)
        source = np.arange(mark - size, mark + size + 1)
        goal = source - mark + round(place)
        good = (source >= 0) & (source < len(samples)) & (goal >= 0) & (goal < len(samples))
        np.add.at(made, goal[good], window[good] * samples[source[good]])
        np.add.at(weight, goal[good], window[good])
        place += flat
    voiced = made / np.maximum(weight, 0.5)
    share = np.convolve(is_voiced, np.ones(hop) / hop, "same")  # so that nothing clicks where voice begins
    return np.asarray(share * voiced + (1 - share) * samples, np.float32)


def without_harmonics(mel: np.ndarray) -> np.ndarray:
    """Return log-mel frames float[T, M] that are as smooth over the bands as their first ENVELOPE cepstra."""
    count = mel.shape[1]
    spectrum = np.fft.rfft(np.concatenate([mel, mel[:, ::-1]], 1), axis=1)
    spectrum[:, ENVELOPE:] = 0
    return np.asarray(np.fft.irfft(spectrum, axis=1)[:, :count], np.float32)


def _marks(samples: np.ndarray, periods: np.ndarray, hop: int) -> np.ndarray:
    """Return the places of the peaks of all periods, int[n], each about a period after the one before."""
    size = int(periods[0])
    marks = [int(np.argmax(samples[: 2 * size]))]
    while marks[-1] + 2 < len(samples):
        period = periods[min(marks[-1] // hop, len(periods) - 1)]
        first, last = marks[-1] + int(0.8 * period), marks[-1] + int(1.2 * period) + 1
        if last >= len(samples):
            break
        marks.append(first + int(np.argmax(samples[first:last])))
    return np.array(marks)
