"""What there is: tasks, modalities, targets and shipped jobs, each with its first line of documentation."""

from __future__ import annotations

import inspect

from noria.contract import registry
from noria.errors import UserError, did_you_mean
from noria.job.load import shipped_jobs

KINDS = ("tasks", "modalities", "targets", "jobs")


def listing(kind: str = "") -> str:
    """Return one kind, or all of them, as text."""
    if kind and kind not in KINDS:
        raise UserError(f"there is nothing called {kind!r} to list", mend=did_you_mean(kind, KINDS))
    return "\n\n".join(_of_kind(one) for one in ([kind] if kind else KINDS))


def _of_kind(kind: str) -> str:
    if kind == "jobs":
        entries = {name: path.read_text("utf-8").splitlines()[0].lstrip("# ") for name, path in shipped_jobs().items()}
    else:
        spokes = {name: registry.spoke_class(kind, name) for name in registry.names(kind)}  # type: ignore[arg-type]
        entries = {name: (inspect.getdoc(spoke) or "").splitlines()[0] for name, spoke in spokes.items()}
    width = max((len(name) for name in entries), default=0)
    return "\n".join([kind, *(f"  {name.ljust(width)}  {about}" for name, about in entries.items())])
