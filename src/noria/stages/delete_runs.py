"""Delete runs: only whole folders that a training or a tuning wrote, in which nobody works and nobody else's file lies.

Read next: store/run_facts.py, runs.py.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from noria.errors import EXIT_RUN_IS_LOCKED, UserError, raise_all
from noria.store.run_facts import is_locked, is_run, runs_in
from noria.store.run_folder import locked
from noria.units import size

# What the commands write into a run folder; names that begin with a dot are temporary, or those of a file manager.
WRITTEN = (
    *("job.yaml", "prepare.json", "prepare.safetensors", "plan.json", "environment.json", "quarantine.jsonl"),
    *("history.jsonl", "times.jsonl", "checkpoints", "bundle", "metrics*.json", "report.html", "train_hashes.npy"),
    *("model.onnx*", "transformers", "tensorboard", "tune.db*", "tune.json", "tune.html", "trials", "trials.csv"),
    *("best.yaml", "folds", "protocols", ".lock", ".*.tmp", ".tmp-*"),
)


@dataclass(frozen=True)
class Deletion:
    """What would be deleted: the folders, their bytes together, and what other runs lose by it, a sentence each."""

    runs: tuple[Path, ...]
    num_bytes: int
    warnings: tuple[str, ...]

    def __str__(self) -> str:
        """Return it as a person is asked for it."""
        names = ", ".join(map(str, self.runs))
        return "\n".join([*self.warnings, f"delete {names} ({size(self.num_bytes)})"])


def plan_deletion(runs: Sequence[Path]) -> Deletion:
    """Return what deleting these runs means; raise all reasons together why some cannot be deleted."""
    if not runs:
        raise UserError("no run is named", fix="noria runs --delete RUN")
    raise_all([problem for run in runs if (problem := _problem(run)) is not None])
    going = tuple(dict.fromkeys(run.resolve() for run in runs))
    sizes = (file.lstat().st_size for run in going for file in run.rglob("*"))
    return Deletion(going, sum(sizes), tuple(_named_elsewhere(going)))


def delete(deletion: Deletion) -> str:
    """Delete the runs; return what to say. Raises UserError where a process has begun to work in one since."""
    for run in deletion.runs:
        try:
            with locked(run):
                going = run.with_name(f".{run.name}.deleted")  # so that no half of a run is ever taken for one
                shutil.rmtree(going, ignore_errors=True)  # what a deletion that was killed has left
                os.replace(run, going)
                shutil.rmtree(going)
        except OSError as error:
            raise UserError("cannot be deleted", where=str(run), found=error.strerror or str(error)) from error
    return f"deleted {', '.join(map(str, deletion.runs))}, {size(deletion.num_bytes)}"


def _problem(run: Path) -> UserError | None:
    """Return why a folder cannot be deleted as a run; None where it can."""
    where = str(run)
    if run.is_symlink():
        return UserError("is a link, and not a run itself", where=where, found=os.readlink(run), fix="name the folder")
    if not run.is_dir():
        return UserError("there is no such run", where=where, fix="see: noria runs")
    if not is_run(run):
        return UserError("is no run: nothing that training writes is here", where=where, fix="see: noria runs")
    others = sorted(one.name for one in run.iterdir() if not any(fnmatch(one.name, name) for name in WRITTEN))
    if others:
        fix = "move them elsewhere first"
        return UserError("holds files that no command wrote", where=where, found=", ".join(others[:10]), fix=fix)
    if is_locked(run):
        fix = "wait for it to end, or stop it"
        return UserError("a process is working in this run", where=where, fix=fix, exit_code=EXIT_RUN_IS_LOCKED)
    return None


def _named_elsewhere(runs: Sequence[Path]) -> Iterator[str]:
    """Yield one sentence for each run beside these whose job names one of them."""
    for folder in dict.fromkeys(run.parent for run in runs):
        for other in runs_in(folder):
            for key, named in other.origins.items():
                path = Path(named).resolve()
                is_going = path in runs or path.parent in runs  # a bundle is named by its own folder, too
                if is_going and other.path not in runs:
                    lost = "is not scored again or resumed without"
                    yield f"{other.path.name} keeps its scores, but {lost} {key}={named}"
