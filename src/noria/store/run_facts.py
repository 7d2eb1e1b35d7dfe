"""What a folder of runs holds, by the small files of each alone: how far it is, on what it learnt, what it scored.

Nothing here raises for a run that is unfinished, damaged or of another version: it is told as what it is. Weights are
measured and not read. Knows no task. Read next: run_folder.py, progress.py, stages/runs.py.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import yaml

from noria.errors import UserError
from noria.job.renamed import with_new_names
from noria.store.checkpoints import checkpoints_of
from noria.store.progress import is_trained
from noria.store.run_folder import has_begun, read_json

State = Literal["finished", "running", "unfinished", "broken"]
# What a training or a tuning writes beside its job or its lock, either of which alone may be anybody's.
MARKS = ("prepare.json", "plan.json", "tune.db", "bundle/config.json", "metrics.json")
# libyaml reads a stored job ten times as fast as the reader that knows the lines; not every installation has it.
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True)
class RunFacts:
    """One run: `note` says of one that is not finished where it stands, or what is wrong with it.

    metrics: what metrics.json holds, or tune.json of a tuning; empty where nothing was scored. origins: the runs that
    its job names, by the setting. weights: how many; weight_bytes: of all files of weights in the bundle. changed: when
    it was last written to, in seconds since 1970.
    """

    path: Path
    state: State
    note: str = ""
    is_tuning: bool = False
    job: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, Any] = field(default_factory=dict)
    weights: int | None = None
    weight_bytes: int | None = None
    changed: float = 0.0

    @property
    def origins(self) -> dict[str, str]:
        """Return the paths of other runs that the job names, by the setting that names them."""
        named = {"evaluate.compare_to": ("evaluate", "compare_to"), "model.from": ("model", "from")}
        found = {key: _section(self.job, section).get(name) for key, (section, name) in named.items()}
        return {key: path for key, path in found.items() if isinstance(path, str)}


def is_run(path: Path) -> bool:
    """Say whether a training or a tuning has begun in a folder, or is about to."""
    is_ours = has_begun(path) or (path / ".lock").exists()
    return is_ours and (any((path / mark).exists() for mark in MARKS) or is_locked(path))


def runs_in(folder: Path) -> Iterator[RunFacts]:
    """Yield the runs of a folder, by name, or the one that it is itself."""
    for path in [folder] if is_run(folder) else sorted(one for one in folder.iterdir() if one.is_dir()):
        if is_run(path):
            yield facts_of(path)


def is_locked(run: Path) -> bool:
    """Say whether a process works in a run folder at this moment."""
    try:
        with (run / ".lock").open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def facts_of(run: Path) -> RunFacts:
    """Return what is known of a run without reading more than its small files."""
    is_tuning = (run / "tune.db").exists()
    scored = "tune.json" if is_tuning else "metrics.json"
    job: Mapping[str, Any] = {}
    metrics: Mapping[str, Any] = {}
    plan: Mapping[str, Any] = {}
    problems: list[str] = []
    try:
        job = _stored_job(run)
        metrics = read_json(run / scored) if (run / scored).exists() else {}
        plan = read_json(run / "plan.json") if (run / "plan.json").exists() else {}
    except UserError as error:
        problems.append(f"{Path(error.where).name or run.name}: {error.what}")
    if metrics and not is_tuning and not is_trained(run):
        problems.append("the bundle is gone")
    state: State = "broken"
    note = "; ".join(problems)
    if not problems:
        state, note = _stands(run, metrics, plan, is_tuning)
    files = list((run / "bundle").glob("*.safetensors"))
    count = plan.get("weights")
    return RunFacts(
        run,
        state,
        note,
        is_tuning,
        job,
        metrics,
        count if isinstance(count, int) else None,
        sum(file.stat().st_size for file in files) if files else None,
        max(
            (path.stat().st_mtime for name in ("job.yaml", scored) if (path := run / name).exists()),
            default=run.stat().st_mtime,
        ),
    )


def _stands(run: Path, metrics: Mapping[str, Any], plan: Mapping[str, Any], is_tuning: bool) -> tuple[State, str]:
    """Return how far an undamaged run is, and where one that is not finished goes on."""
    if metrics:
        return "finished", ""
    if is_locked(run):
        return "running", "" if has_begun(run) else "it reads its data"
    if is_tuning:
        return "unfinished", "trials are left"
    if is_trained(run):
        return "unfinished", "trained, but not scored"
    saved = checkpoints_of(run)
    step = int(saved[-1].name.removeprefix("step-")) if saved else 0
    of = f" of {plan['steps']:,}" if isinstance(plan.get("steps"), int) else ""
    return "unfinished", f"step {step:,}{of} is saved" if step else "no step is saved"


def _stored_job(run: Path) -> Mapping[str, Any]:
    """Return a stored job with the keys of today; empty where none was written yet."""
    path = run / "job.yaml"
    if not path.exists():
        return {}
    try:
        content = _LOADER(path.read_text("utf-8")).get_single_data()
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise UserError("cannot be read", where=str(path), found=str(error)) from error
    if not isinstance(content, Mapping):
        raise UserError("is no job", where=str(path))
    return with_new_names(content)


def _section(job: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = job.get(name)
    return found if isinstance(found, Mapping) else {}
