"""What gets shipped: config.json, model.safetensors and a model card. Plain data only: loading runs no code from it.

The config holds the resolved job (without the paths of the data), what was learnt from training (`states`), the sha256
of the weights, and a digest of itself. Read next: bundle_config.py; pipeline/predictor.py, which loads it.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from noria import __version__
from noria.contract import Task
from noria.errors import UserError
from noria.job import Job
from noria.job.load import load_stored_job
from noria.job.removed import removed_in
from noria.pipeline.bundle_config import COPY_AGAIN, FORMAT, STATES, read_config, told_as_damage
from noria.pipeline.older_bundles import baseline_today, weights_today
from noria.pipeline.parts import save_parts
from noria.store.digests import SEAL, sealed
from noria.store.disk import plain_disk_errors, sync_folder, write_synced
from noria.store.states import split_arrays, write_arrays
from noria.types import Ragged

if TYPE_CHECKING:
    from torch import Tensor, nn

    from noria.pipeline.prepared import Prepared


TORCH = "torch"  # the engine that is always there


@dataclass(frozen=True)
class Bundle:
    """A loaded bundle: the model (in evaluation mode) and all that belongs to it.

    `precision` and `engine` are what it answers by; for another engine than torch's the model itself stays float32.
    """

    path: Path
    config: dict[str, Any]
    job: Job
    task: Task
    model: nn.Module
    states: dict[str, Any]
    precision: str = "float32"
    engine: str = TORCH

    @property
    def digest(self) -> str:
        """Return what tells this bundle from one of other weights or other settings."""
        return str(self.config.get(SEAL) or self.config["weights"]["sha256"])


def save_bundle(run: Path, job: Job, task: Task, prepared: Prepared, weights: dict[str, Tensor], count: int) -> None:
    """Write RUN/bundle whole, in one step; an older one is replaced. `count` is that of the model's weights."""
    from safetensors.torch import save

    data = save({name: value.contiguous().cpu() for name, value in weights.items()})
    described = job.model_dump(mode="json")
    described["data"] |= {"path": None, "fetch": None, "split": described["data"]["split"] | {"file": None}}
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
        write_synced(temporary / "config.json", json.dumps(sealed(config), ensure_ascii=False, indent=1).encode())
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


def load_bundle(path: Path, device: str = "cpu", precision: str | None = None, engine: str | None = None) -> Bundle:
    """Load a bundle, given its folder or the run folder around it; raise UserError where it is damaged.

    The weights become of the job's `evaluate.precision`, or of that given; those of bfloat16 can only answer. For
    another engine than torch they stay float32.
    """
    import torch

    from noria.model.fast_cpu.prepacked import join_normalised, pack
    from noria.model.weights import SkipInit, load_weights
    from noria.pipeline.assembly import build, place

    folder = path / "bundle" if (path / "bundle").is_dir() else path
    config = read_config(folder)
    weights = read_weights(folder, config)
    if removed := removed_in(config["job"]):
        raise UserError(
            "this bundle's trunk has parts that are gone",
            where=str(folder),
            found=", ".join(f"{key}={value}" for key, value in removed.items()),
            fix=f"load it with the version of Noria that wrote it: {config['noria']}",
        )
    config = {**config, "baseline": baseline_today(config["baseline"])}
    with told_as_damage(folder):
        job, task = load_stored_job(config["job"])
        with SkipInit():
            model = place(build(job, task, config["states"]), torch.device(device))
        load_weights(model, weights)
        join_normalised(model)
        precision, engine = precision or job.evaluate.precision, engine or job.evaluate.engine
        if precision == "bfloat16" and engine == TORCH:
            pack(model)
    return Bundle(folder, config, job, task, model.eval(), config["states"], precision, engine)


def read_weights(folder: Path, config: Mapping[str, Any]) -> dict[str, Tensor]:
    """Return a bundle's weights by their names of today; raise UserError where they are not what was written."""
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        data = (folder / "model.safetensors").read_bytes()
    except OSError as error:
        found = error.strerror or str(error)
        raise UserError("the weights cannot be read", where=str(folder), found=found, fix=COPY_AGAIN) from error
    if hashlib.sha256(data).hexdigest() != config["weights"]["sha256"]:
        what = "the weights are not those that this bundle was written with"
        raise UserError(what, where=str(folder), fix=COPY_AGAIN)
    try:
        return weights_today(load(data))
    except (SafetensorError, ValueError, KeyError, TypeError) as error:
        raise UserError("the weights are damaged", where=str(folder), found=str(error), fix=COPY_AGAIN) from error
