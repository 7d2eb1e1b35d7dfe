"""Raw records to encoded splits, from the cache where the same source was prepared the same way before.

Knows no task. Read next: preparation/preparation.py, store/array_store.py, stages/train.py.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from noria import __version__
from noria.contract import Task, dispatch
from noria.contract.checkpoints import suggestions
from noria.contract.settings import settings_of
from noria.contract.source import Source
from noria.errors import UserError
from noria.job import Job
from noria.job.data import Data
from noria.pipeline.fields import open_path
from noria.pipeline.prepared import Prepared
from noria.pipeline.warm_start import origin_key
from noria.preparation.preparation import Preparation
from noria.sources.core.download import fetch
from noria.sources.core.named_file import named_files_stamp
from noria.store.array_store import read_store, trim_stores, usable_store
from noria.store.cache import cache_folder

CACHE_BYTES = 40 * 2**30
LAYOUT = 5  # of what is stored, and of what encoded arrays mean; a store of another one is written anew


def prepare(job: Job, task: Task, tell: Callable[[str], None] = lambda _: None, origin: str | None = None) -> Prepared:
    """Return the prepared data of a job, from the cache where the same source was prepared the same way before.

    `origin` is that of the preparation a training began with: then the model it started from need not be there.
    """
    source = open_data(job, task)
    origin = origin_key(job) if origin is None else origin
    path = cache_folder() / "prepared" / _key(job, task, source, origin)
    stored = usable_store(path, tell)
    if stored is not None and named_files_stamp(source.root, stored[1]["named"]) != stored[1]["named_stamp"]:
        shutil.rmtree(path)  # pictures that cells name have changed since
        stored = None
    if stored is None:
        tell(f"reading {source.path}")
        Preparation(job, task, source).run(path)
        trim_stores(path.parent, CACHE_BYTES)
        stored = read_store(path)
        assert stored is not None
    records, manifest = stored
    splits = {split: dispatch.windows(task, dataset, split == "train") for split, dataset in records.items()}
    states, report, fingerprint = (manifest[key] for key in ("states", "report", "fingerprint"))
    if not origin:  # what is installed may be another thing each time
        report = {
            **report,
            "notes": [*report["notes"], *suggestions(task.inputs, states["inputs"], report["records"]["train"])],
        }
    return Prepared(splits, states, report, fingerprint, origin, manifest["train_hashes"], records)


def refuse_overwriting(data: Data, written: Sequence[Path]) -> None:
    """Raise UserError where a file that is to be written is one that the data is read from."""
    named = [data.path, *data.more, data.split.file, *data.splits.values()]
    read = {Path(one).expanduser().resolve() for one in named if one is not None}
    for path in (one.expanduser().resolve() for one in written):
        if path in read or (path.exists() and any(one in read for one in path.parents)):
            raise UserError("this would replace the data itself", where=str(path), fix="name another file to write")


def open_data(job: Job, task: Task) -> Source:
    """Open the job's source: its path, or what `data.fetch` brings into the user's cache."""
    if job.data.path is not None:
        return open_path(Path(job.data.path).expanduser(), task, job.data)
    if job.data.fetch is not None:
        return open_path(fetch(job.data.fetch.name, job.data.fetch.files), task, job.data)
    raise UserError("the job does not say where the data is", fix="give data.path=FOLDER-OR-FILE")


def _key(job: Job, task: Task, source: Source, origin: str) -> str:
    """Name a preparation by all that it depends on; a setting that only the network reads is left out."""

    def settings(component: Any) -> dict[str, Any]:
        return {one.name: one.default for one in settings_of(component) if not one.network_only}

    parts = {
        "version": __version__,
        "layout": LAYOUT,
        "task": job.task,
        "data": job.data.model_dump(mode="json"),
        "folds": job.evaluate.folds,
        "slices": job.evaluate.slices,
        "origin": origin,
        "inputs": {name: settings(modality) for name, modality in task.inputs.items()},
        "target": settings(task.target),
        "path": str(source.path.resolve()),
        "stamp": source.stamp(),
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:32]
