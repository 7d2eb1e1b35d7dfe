"""What a stage spends, booked in the ledger while it runs. Read next: ledger/till.py."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from noria.ledger.entry import About
from noria.ledger.storage import book_storage
from noria.ledger.till import Clock, Till, name_of_run
from noria.pipeline.inference import pick_device


@contextmanager
def booked(run: Path, activity: str, version: str = "") -> Iterator[Clock]:
    """Book the seconds of what is done within as those of a run; what is stored of it, once a day."""
    name = name_of_run(run)
    till = Till()
    has_accelerator = pick_device().type != "cpu"
    clock = Clock(till, About(name, version, name, activity=activity), has_accelerator)
    if has_accelerator and os.environ.get("LOCAL_RANK", "0") != "0":
        yield clock  # the first process of a machine books all of it
        return
    with clock:
        try:
            yield clock
        finally:
            book_storage(till, run)
