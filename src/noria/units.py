"""Lengths of time, numbers of bytes, of operations and of things in words."""

from __future__ import annotations


def duration(seconds: float) -> str:
    """Return a length of time in words: 0.4 s, 12 s, 3 min 20 s, 2 h 05 min."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def size(count: float) -> str:
    """Return a number of bytes in words: 820 kB, 1.2 GB."""
    for unit in ("bytes", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"


def operations(count: float) -> str:
    """Return a number of floating point operations in words: 820 MFLOP, 0.29 PFLOP."""
    for unit in ("", "k", "M", "G"):
        if count < 999.5:
            return f"{count:.3g} {unit}FLOP"
        count /= 1000
    return f"{count:.3g} TFLOP" if count < 100 else f"{count / 1000:.2f} PFLOP"


def count_of(count: int, thing: str) -> str:
    """Return a number of things in words: 1 record, 2,100 records."""
    return f"{count:,} {thing}{'' if count == 1 else 's'}"
