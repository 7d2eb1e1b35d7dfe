"""What gets shipped: config.json, model.safetensors and a model card. Plain data only: loading runs no code from it.

The config holds the resolved job (without the path of the data), what was learnt from training (`states`), and the
sha256 of the weights. Read next: pipeline/predictor.py, which loads it.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from noria import __version__
from noria.contract import Task
from noria.errors import UserError
from noria.job import Job
from noria.job.load import load_stored_job
from noria.job.removed import removed_in
from noria.pipeline.older_bundles import OLDEST, baseline_today, weights_today
from noria.pipeline.parts import save_parts
from noria.store.disk import plain_disk_errors, sync_folder, write_synced
from noria.store.run_folder import read_json
from noria.store.states import join_arrays, read_arrays, split_arrays, write_arrays
from noria.types import Ragged

if TYPE_CHECKING:
    from torch import Tensor, nn

    from noria.pipeline.prepared import Prepared

FORMAT = 3
STATES = "states.safetensors"  # arrays of what was learnt, where there are any


@dataclass(frozen=True)
class Bundle:
    """A loaded bundle: the model (in evaluation mode) and all that belongs to it."""

    path: Path
    config: dict[str, Any]
    job: Job
    task: Task
    model: nn.Module
    states: dict[str, Any]


def save_bundle(run: Path, job: Job, task: Task, prepared: Prepared, weights: dict[str, Tensor], count: int) -> None:
    """Write RUN/bundle whole, in one step; an older one is replaced. `count` is that of the model's weights."""
    from safetensors.torch import save

    data = save({name: value.contiguous().cpu() for name, value in weights.items()})
    described = job.model_dump(mode="json")
    described["data"] |= {"path": None, "fetch": None}
    states, arrays = split_arrays(prepared.states)
    config = {
        "format": FORMAT,
        "noria": __version__,
        "task": job.task,
        "job": described,
        "fields": prepared.report["fields"],
        "states": states,
        "weights": {"count": count, "sha256": hashlib.sha256(data).hexdigest()},
        "arrays": {
            field: {name: _described(values) for name, values in arrays.items() if name[0] != "_"}
            for field, arrays in prepared.splits["train"].inputs.items()
        },
        "baseline": _baseline(task, prepared),
        "data": {"fingerprint": prepared.fingerprint, "records": prepared.report["records"]},
    }
    temporary, final = run / ".bundle.tmp", run / "bundle"
    with plain_disk_errors(run):
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir()
        write_synced(temporary / "model.safetensors", data)
        config["states_sha256"] = write_arrays(temporary / STATES, arrays)
        save_parts(task, temporary)
        write_synced(temporary / "config.json", json.dumps(config, ensure_ascii=False, indent=1).encode())
        shutil.rmtree(final, ignore_errors=True)
        os.replace(temporary, final)
        sync_folder(run)


def _described(values: Any) -> list[Any]:
    """Return type and shape [T, ...] or [...] of one record's array; T, of unequal length, is null."""
    if isinstance(values, Ragged):
        return [str(values.values.dtype), None, *values.values.shape[1:]]
    one = values[:1]
    return [str(one.dtype), *one.shape[1:]]


def _baseline(task: Task, prepared: Prepared) -> dict[str, Any]:
    train = dict(prepared.splits["train"].target)
    return {name: values.tolist() for name, values in task.fit_baseline(train).items()}


def load_bundle(path: Path, device: str = "cpu", precision: str | None = None) -> Bundle:
    """Load a bundle, given its folder or the run folder around it; raise UserError where it is damaged.

    The weights become of the job's `evaluate.precision`, or of that given; those of bfloat16 can only answer.
    """
    import torch
    from safetensors.torch import load

    from noria.model.fast_cpu.prepacked import join_normalised, pack
    from noria.model.weights import SkipInit, load_weights
    from noria.pipeline.assembly import build, place

    folder = path / "bundle" if (path / "bundle").is_dir() else path
    config = read_json(folder / "config.json")
    written = config.get("format")
    if not isinstance(written, int) or not OLDEST <= written <= FORMAT:
        raise UserError(
            "this bundle has another format",
            where=str(folder),
            expected=f"format {OLDEST} to {FORMAT}",
            found=str(written),
            fix=f"load it with the version of Noria that wrote it: {config.get('noria')}",
        )
    try:
        data = (folder / "model.safetensors").read_bytes()
    except OSError as error:
        raise UserError("the weights cannot be read", where=str(folder), found=error.strerror or str(error)) from error
    if hashlib.sha256(data).hexdigest() != config["weights"]["sha256"]:
        raise UserError("the weights are not those that this bundle was written with", where=str(folder))
    if removed := removed_in(config["job"]):
        raise UserError(
            "this bundle's trunk has parts that are gone",
            where=str(folder),
            found=", ".join(f"{key}={value}" for key, value in removed.items()),
            fix=f"load it with the version of Noria that wrote it: {config.get('noria')}",
        )
    job, task = load_stored_job(config["job"])
    config = {**config, "baseline": baseline_today(config["baseline"])}
    states = join_arrays(config["states"], read_arrays(folder / STATES, config.get("states_sha256")))
    with SkipInit():
        model = place(build(job, task, states), torch.device(device))
    load_weights(model, weights_today(load(data)))
    join_normalised(model)
    if (precision or job.evaluate.precision) == "bfloat16":
        pack(model)
    return Bundle(folder, config, job, task, model.eval(), states)
