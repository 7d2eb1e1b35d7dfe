"""True segments as people have them, and as files that people open.

[[0.4, 1.2], ..]  [{"start_s": .., "end_s": ..}, ..]  the same as JSON
"0.4\t1.2\tspeech" lines of Audacity's labels         "SPEAKER file 1 0.4 0.8 <NA> .." lines of RTTM
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from noria.sources.formats.speech_by_energy import BY_ENERGY
from noria.text.subtitles import MOST_S, srt, vtt

MOST_END_S = 86_400


def read_spans(value: Any) -> np.ndarray:
    """Return the spans of a raw answer, float32[k, 2] in seconds, in order; raise ValueError with a plain reason."""
    if isinstance(value, Mapping) and BY_ENERGY in value:
        value = value[BY_ENERGY]
    if isinstance(value, str):
        value = _parsed(value)
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if not isinstance(value, list | tuple):
        raise ValueError(f"{value!r:.80} is no list of [start_s, end_s]")
    pairs = [_pair(one) for one in value]
    return np.array(sorted(pairs), np.float32).reshape(-1, 2)


def _pair(one: Any) -> tuple[float, float]:
    if isinstance(one, Mapping):
        one = [one.get("start_s", one.get("start")), one.get("end_s", one.get("end"))]
    if not isinstance(one, list | tuple) or len(one) < 2:
        raise ValueError(f"{one!r:.80} is no [start_s, end_s]")
    try:
        start, end = float(one[0]), float(one[1])
    except (TypeError, ValueError):
        raise ValueError(f"{one!r:.80} is no [start_s, end_s]") from None
    if not (math.isfinite(start) and math.isfinite(end) and 0 <= start <= end):
        raise ValueError(f"a segment from {start:g} to {end:g} s: it begins at 0 or later, and ends after it begins")
    if end > MOST_END_S:
        raise ValueError(f"a segment that ends at {end:g} s: places are seconds of the sound, at most {MOST_END_S:,}")
    return start, end


def _parsed(text: str) -> Any:
    """Return the pairs of a text: JSON, labels of Audacity, or RTTM."""
    lines = [line for line in text.splitlines() if line.strip()]
    if not lines:
        raise ValueError('is empty: an answer without speech is written as "[]"')
    if lines[0].split()[0] == "SPEAKER":
        return [_of_rttm(line.split()) for line in lines]
    if "\t" in lines[0]:
        return [line.split("\t")[:2] for line in lines if not line.startswith("\\")]  # "\": a range of frequencies
    try:
        return json.loads(text)
    except ValueError:
        raise ValueError(f"{text!r:.80} is no list of [start_s, end_s]") from None


def _of_rttm(words: Sequence[str]) -> list[float]:
    try:
        return [float(words[3]), float(words[3]) + float(words[4])]
    except (IndexError, ValueError):
        raise ValueError(f"{' '.join(words)!r:.80} is no line of RTTM") from None


def written(spans: Sequence[Mapping[str, float]], suffix: str) -> bytes | None:
    """Return spans as a file: .srt, .vtt, .json, .csv, or .txt, the labels of Audacity; None for other endings."""
    if suffix == ".json":
        return json.dumps(list(spans), indent=1).encode()
    if suffix == ".csv":
        file = io.StringIO()
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["start_s", "end_s", "confidence"])
        table.writerows([one["start_s"], one["end_s"], one["confidence"]] for one in spans)
        return file.getvalue().encode()
    if suffix == ".txt":
        return "".join(f"{one['start_s']:.3f}\t{one['end_s']:.3f}\tspeech\n" for one in spans).encode()
    writers = {".srt": srt, ".vtt": vtt}
    return writers[suffix](_cues(spans)).encode() if suffix in writers else None


def _cues(spans: Sequence[Mapping[str, float]]) -> list[tuple[float, float, str]]:
    """Return subtitles that say "speech": a stretch is cut into equal ones, none longer than subtitles are."""
    found = []
    for one in spans:
        count = max(1, math.ceil((one["end_s"] - one["start_s"]) / MOST_S - 1e-9))
        edges = np.linspace(one["start_s"], one["end_s"], count + 1).tolist()
        found += [(start, end, "speech") for start, end in pairwise(edges)]
    return found
