"""What preparation understood of the data, for the terminal and for programs. Read next: prepared_page.py."""

from __future__ import annotations

from typing import Any

from noria.contract import Task
from noria.pipeline.prepared import Prepared, describe, understood
from noria.report.sample_text import as_text, printable
from noria.report.samples import as_json, samples

SHOWN = 3


def prepared_text(prepared: Prepared, task: Task) -> str:
    """Return how each field is read, a few records as the network gets them, and the data report."""
    shown = as_text(samples(prepared, task, SHOWN), task)
    return printable("\n".join(filter(None, (understood(prepared), shown, describe(prepared)))))


def prepared_json(prepared: Prepared, task: Task) -> dict[str, Any]:
    """Return the same as JSON; of pictures, only their size."""
    shown = [as_json(one, task) for one in samples(prepared, task, SHOWN)]
    return {"fingerprint": prepared.fingerprint, **prepared.report, "samples": shown}
