"""A newer version that is asked a share of the requests, and is withdrawn when it does worse than the older one.

Worse means: more requests fail, answers take longer, or the answers are other ones than the older version gives to the
requests of the same time.
"""

from __future__ import annotations

import json
from collections import Counter, deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from noria.service.request.exchange import JSON, Reply
from noria.service.request.http_error import HTTPError
from noria.types.records import ABSTAINED

KEPT = 1000  # of the latest requests of each version
LEAST = 30  # requests of each before anything is said
MORE_FAILURES = 0.02  # that are no more than chance among few
MORE_REFUSALS = 0.2  # wrong requests come to both; a version that takes other records refuses right ones
TIMES_SLOWER = 2.0
LEAST_SECONDS = 0.01  # longer: below it, slower is not worth a word
MOST_VALUES = 50  # different answers that are counted; of more the answers are no classes
DIFFERENCE = 0.3  # total variation between the answers of the two; 0 the same, 1 none in common


@dataclass(frozen=True)
class Canary:
    """A version to try. share: of the requests, between 0 and 1."""

    run: Path
    share: float = 0.1


@dataclass
class _Seen:
    seconds: deque[float] = field(default_factory=lambda: deque(maxlen=KEPT))
    failed: deque[bool] = field(default_factory=lambda: deque(maxlen=KEPT))
    refused: deque[bool] = field(default_factory=lambda: deque(maxlen=KEPT))
    values: deque[str | None] = field(default_factory=lambda: deque(maxlen=KEPT))


class Trial:
    """What was seen of the two versions since the newer is tried."""

    def __init__(self, canary: Canary) -> None:
        self._share, self._due = canary.share, 0.0
        self._older, self._newer = _Seen(), _Seen()

    @property
    def num_seen(self) -> int:
        """Return how many of the newer one's latest requests were seen."""
        return len(self._newer.failed)

    def is_next(self) -> bool:
        """Say whether the next request is the newer one's: evenly, so that a share of .1 is each tenth."""
        self._due += self._share
        if self._due < 1:
            return False
        self._due -= 1
        return True

    def see(self, is_newer: bool, reply: Reply | HTTPError, seconds: float) -> None:
        """Take note of how a request was answered."""
        seen = self._newer if is_newer else self._older
        status = reply.status
        seen.failed.append(status >= 500)
        seen.refused.append(400 <= status < 500)
        if status < 400:
            seen.seconds.append(seconds)
            seen.values.extend(_values(reply))

    def verdict(self) -> str | None:
        """Return why the newer version is withdrawn; None while nothing speaks against it."""
        old, new = self._older, self._newer
        if len(new.failed) < LEAST or len(old.failed) < LEAST:
            return None
        failed_old, failed_new = float(np.mean(old.failed)), float(np.mean(new.failed))
        if failed_new > failed_old + MORE_FAILURES and sum(new.failed) >= 3:
            return f"{failed_new:.0%} of its requests fail, {failed_old:.0%} of the older one's"
        refused_old, refused_new = float(np.mean(old.refused)), float(np.mean(new.refused))
        if refused_new > refused_old + MORE_REFUSALS:
            return f"it refuses {refused_new:.0%} of its requests, the older one {refused_old:.0%}"
        if min(len(old.seconds), len(new.seconds)) >= LEAST:
            slow_old, slow_new = (float(np.quantile(one.seconds, 0.9)) for one in (old, new))
            if slow_new > max(TIMES_SLOWER * slow_old, LEAST_SECONDS):
                return f"a tenth of its answers take {slow_new:.3g} s or longer, {slow_old:.3g} s of the older one's"
        if min(len(old.values), len(new.values)) >= LEAST:
            difference = _difference(old.values, new.values)
            if difference is not None and difference > DIFFERENCE:
                return f"its answers are other ones than the older one's (total variation {difference:.2f})"
        return None


def _difference(old: deque[str | None], new: deque[str | None]) -> float | None:
    """Return how far two lots of answers differ beyond chance, 0 to 1; None where answers are no classes."""
    a, b = Counter(old), Counter(new)
    if len(a | b) > MOST_VALUES:
        return None
    found = sum(abs(a[key] / len(old) - b[key] / len(new)) for key in a | b) / 2
    by_chance = 0.5 * np.sqrt(len(a | b) * (1 / len(old) + 1 / len(new)))
    return max(0.0, float(found - by_chance))


def _values(reply: Reply | HTTPError) -> list[str | None]:
    """Return the classes that were answered, None where no answer was worth most."""
    if isinstance(reply, HTTPError) or reply.headers.get("content-type") != JSON or not reply.is_last:
        return []
    content: Any = json.loads(reply.body)
    found = content.get("predictions", []) if isinstance(content, dict) else []
    given = [one for one in found if isinstance(one, dict)]
    return [one.get("value") for one in given if isinstance(one.get("value"), str | bool) or one.get(ABSTAINED)]
