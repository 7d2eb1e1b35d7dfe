"""What a model in service meets beside what it was calibrated on: the answers are seen as they come, a thread looks.

Read next: drift/live.py.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from typing import Any

from noria.drift.live import LEAST_RECORDS, Live
from noria.errors import UserError
from noria.pipeline.predictor import Predictor, See
from noria.pipeline.reference import read_reference

_log = logging.getLogger(__name__)
LOOK_SECONDS = 30.0  # a look takes about 0.2 s of one core, and only where a tenth of the window is new


class Watched:
    """The window of a served model, and what was seen in it last."""

    def __init__(self, predictor: Predictor, seconds: float = LOOK_SECONDS) -> None:
        self._live: Live | None = None
        self.told: Mapping[str, Any] = {}  # replaced whole, so that any thread may read it
        try:
            self._live = Live(predictor, read_reference(predictor.bundle))
        except UserError as error:
            self.told = {"records": 0, "assessment": None, "note": str(error)}
            return
        self.look()
        self._seconds, self._ended = seconds, threading.Event()
        threading.Thread(target=self._look_on, name="watches", daemon=True).start()

    @property
    def see(self) -> See | None:
        """Return what the model's outputs are to be shown; None where there is nothing to set them beside."""
        return None if self._live is None else self._live.see

    def look(self) -> None:
        """Say anew what the window shows."""
        if self._live is None:
            return
        found, count = self._live.assessment(), self._live.num_seen
        note = "" if found else f"nothing is said of fewer than {LEAST_RECORDS} records"
        told = {"records": count, "assessment": None if found is None else found.as_json(), "note": note}
        if told != self.told:
            self.told = told

    def close(self) -> None:
        """Look no more."""
        if self._live is not None:
            self._ended.set()

    def _look_on(self) -> None:
        while not self._ended.wait(self._seconds):
            try:
                self.look()
            except Exception:  # noqa: BLE001  # the model answers all the same
                _log.exception("the window of live records could not be assessed")
