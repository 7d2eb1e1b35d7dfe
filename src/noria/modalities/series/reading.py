"""How series are read, as people see it: what the state knows, and one series as lines."""

from __future__ import annotations

import numpy as np

from noria.modalities.series.settings import SeriesSettings
from noria.types import Panel, State

MOST_CHANNELS = 12  # whose mean and spread are shown
MOST_LINES = 6  # that the eye can tell apart
MOST_POINTS = 200  # of one line


def panel_of(settings: SeriesSettings, state: State) -> Panel:
    """Return how many numbers a frame has, how long a series may be, and the mean and spread of each channel."""
    length = f"each is resampled to {settings.length:,} frames" if settings.length else "each keeps its own"
    rows = [
        ["numbers a frame", f"{state['channels']:,}"],
        ["length", length],
        ["longest", f"{settings.max_length:,} frames; the rest is not read (max_length)"],
    ]
    if settings.rate_hz is not None:
        rows.append(["rate", f"{settings.rate_hz:g} frames per second"])
    both = list(zip(state["mean"], state["spread"], strict=True))
    for number, (mean, spread) in enumerate(both[:MOST_CHANNELS], 1):
        rows.append([f"channel {number}", f"mean {mean:.4g}, spread {spread:.4g}"])
    if len(both) > MOST_CHANNELS:
        rows.append(["channels", f"{len(both) - MOST_CHANNELS:,} more"])
    return Panel("table", "How series are read", {"columns": ["what", "how"], "rows": rows})


def lines_of(values: np.ndarray, rate_hz: float | None) -> Panel:
    """Return one series float[T, C] as a line a channel, thinned evenly where it is long."""
    chosen = np.unique(np.linspace(0, len(values) - 1, min(len(values), MOST_POINTS)).astype(int))
    places = chosen / (rate_hz or 1)
    lines = {
        f"channel {number}": [[float(place), float(f"{one:.5g}")] for place, one in zip(places, channel, strict=True)]
        for number, channel in enumerate(values[chosen].T, 1)
    }
    title = f"{len(values):,} frames of {values.shape[1]:,} number{'s'[: values.shape[1] > 1]}"
    return Panel("curve", title, {"x": "frame" if rate_hz is None else "seconds", "y": "value", "lines": lines})
