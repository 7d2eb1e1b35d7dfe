"""The run folder: its lock, its checkpoints, its history. Nothing in it is ever half written.

    RUN/job.yaml prepare.json plan.json environment.json quarantine.jsonl
    RUN/history.jsonl            one line a report, a pure function of job and data; times.jsonl has the seconds
    RUN/checkpoints/step-00000120/{model,optimizer}.safetensors state.json manifest.json
    RUN/bundle/                  what is shipped (pipeline/bundle.py)
    RUN/metrics.json report.html

A checkpoint is written into a temporary folder, synced, listed with sha256 in its manifest, renamed, and only then are
older ones deleted. Reading takes the newest one whose manifest holds. Knows no task. Read next: stages/train.py.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import platform
import shutil
import socket
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from noria.errors import EXIT_RUN_IS_LOCKED, UserError, raise_all
from noria.job.in_memory import with_frame_of
from noria.job.renamed import read_stored_job
from noria.store.disk import plain_disk_errors, sync_folder, write_json, write_synced
from noria.store.states import split_arrays, write_arrays

if TYPE_CHECKING:
    from torch import Tensor

    from noria.job import Job


# On resuming; data is known by its hash.
MAY_CHANGE = ("data.path", "train.checkpoint_minutes", "train.report_to", "tune.minutes", "tune.trials")


def new_run(folder: Path | None, name: str) -> Path:
    """Return the run folder asked for, or the first free one of runs/NAME, runs/NAME-2, ..."""
    if folder is not None:
        return folder
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise UserError("several processes need to agree on a run folder", fix="name it with --run")
    path = Path("runs") / name
    count = 1
    while path.exists():
        count += 1
        path = Path("runs") / f"{name}-{count}"
    return path


def name_of(source: object) -> str:
    """Return what a run of a job is called: by its file, its task, or the study whose best job it is."""
    if isinstance(source, Mapping):
        return str(source.get("task", "run"))
    path = Path(str(source))
    study = path.absolute().parent.name
    return f"{study.removeprefix('tune-')}-best" if path.name == "best.yaml" and study else path.stem


def start_or_resume(run: Path, source: str | Path | Mapping[str, Any], resume: bool) -> str | Path | Mapping[str, Any]:
    """Return the job to train: the one given, or on resuming the one that the run began with."""
    began = run / "job.yaml"
    if resume:
        if not began.exists():
            raise UserError("there is no training to resume here", where=str(run), fix="start it without --resume")
        return with_frame_of(source, read_stored_job(began))
    if began.exists():
        raise UserError(
            "this folder already holds a training",
            where=str(run),
            fix="go on with it by --resume, or name another folder with --run",
        )
    return source


def refuse_changes(began: Job, asked: Job) -> None:
    """Raise UserError where a resumed training is asked to go on with settings that would change what it learns."""
    before, now = (_flat(job.model_dump(mode="json")) for job in (began, asked))
    changed = [key for key in sorted(before.keys() | now.keys()) if before.get(key) != now.get(key)]
    raise_all(
        [
            UserError(
                "a training goes on with the settings it began with",
                where=key,
                expected=repr(before.get(key)),
                found=repr(now.get(key)),
                fix="leave it out, or start a new run",
            )
            for key in changed
            if key not in MAY_CHANGE
        ]
    )


def _flat(content: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in content.items():
        flat |= _flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
    return flat


def record_start(run: Path, job: Job, prepared: Mapping[str, Any], quarantine: Iterable[Mapping[str, Any]]) -> None:
    """Write down what a training begins with: data, packages, quarantine, and last the resolved job."""
    plain, arrays = split_arrays(prepared)
    with plain_disk_errors(run):
        write_arrays(run / "prepare.safetensors", arrays)
    write_json(run / "prepare.json", plain)
    write_json(run / "environment.json", environment())
    lines = "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in quarantine)
    with plain_disk_errors(run):
        write_synced(run / "quarantine.jsonl", lines.encode())
        job.save(run / ".job.yaml.tmp")
        os.replace(run / ".job.yaml.tmp", run / "job.yaml")
        sync_folder(run)


def environment() -> dict[str, str]:
    """Return the versions of what the numbers depend on."""
    packages = {}
    for package in ("noria", "torch", "numpy", "scikit-learn", "pillow"):
        try:
            packages[package] = version(package)
        except PackageNotFoundError:
            packages[package] = "not installed"
    return {"python": platform.python_version(), "system": platform.platform(), **packages}


@contextmanager
def locked(run: Path, is_shared: bool = False) -> Iterator[None]:
    """Hold the run folder for this process; raise UserError naming the holder where another one has it.

    Where it fails before anything was written the folder goes again.

    is_shared: this is a further process of a training whose first one holds the folder.
    """
    if is_shared:
        yield
        return
    with plain_disk_errors(run):
        run.mkdir(parents=True, exist_ok=True)
        file = (run / ".lock").open("a+")
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            file.seek(0)
            raise UserError(
                "another process is working in this run folder",
                where=str(run),
                found=file.read() or "a process that does not say who it is",
                fix="wait for it to end, or name another folder with --run",
                exit_code=EXIT_RUN_IS_LOCKED,
            ) from error
        file.truncate(0)
        with plain_disk_errors(run):
            file.write(f"process {os.getpid()} on {socket.gethostname()}")
            file.flush()
        try:
            yield
        except BaseException:
            _leave_no_trace(run)
            raise


def _leave_no_trace(run: Path) -> None:
    """Remove a run folder in which nothing was begun, so that the name of a mistyped job stays free."""
    if run.is_dir() and [path.name for path in run.iterdir()] == [".lock"]:
        (run / ".lock").unlink()
        run.rmdir()


def read_json(path: Path) -> Any:
    """Read a JSON file of a run; raise UserError where it is not there or not whole."""
    try:
        return json.loads(path.read_text("utf-8"))
    except FileNotFoundError as error:
        raise UserError(f"there is no {path.name} here", where=str(path.parent), fix="is this a run folder?") from error
    except json.JSONDecodeError as error:
        raise UserError("this file is damaged", where=f"{path}:{error.lineno}") from error


@dataclass(frozen=True)
class Checkpoint:
    """All that training needs to go on as if nothing had happened: tensors by file, and small facts (`state`)."""

    tensors: dict[str, dict[str, Tensor]]  # "model", "best", "average" and "optimizer"
    state: dict[str, Any]


def save_checkpoint(run: Path, step: int, checkpoint: Checkpoint) -> None:
    """Save a checkpoint; older ones go only when it is safely on the disk."""
    from safetensors.torch import save

    folder = run / "checkpoints"
    final = folder / f"step-{step:08d}"
    if final.exists() and not _damage(final):
        return  # what is saved at a step depends on nothing but the step
    temporary = folder / f".{final.name}.tmp"
    with plain_disk_errors(run):
        try:
            shutil.rmtree(temporary, ignore_errors=True)
            temporary.mkdir(parents=True)
            packed = {
                part: {name: value.contiguous().cpu() for name, value in tensors.items()}
                for part, tensors in checkpoint.tensors.items()
            }
            files = {f"{part}.safetensors": save(tensors) for part, tensors in packed.items()}
            files["state.json"] = json.dumps(checkpoint.state).encode()
            manifest = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
            files["manifest.json"] = json.dumps(manifest).encode()
            for name, data in files.items():
                write_synced(temporary / name, data)
            shutil.rmtree(final, ignore_errors=True)  # it was damaged
            os.replace(temporary, final)
            sync_folder(folder)
        except OSError:
            shutil.rmtree(temporary, ignore_errors=True)
            raise
    steps = _checkpoints(run)
    later = [path for path in steps if path > final]  # damaged, or this training would have begun there
    for path in [*later, *[path for path in steps if path <= final][:-2]]:
        shutil.rmtree(path)


def load_checkpoint(run: Path) -> tuple[Checkpoint | None, list[str]]:
    """Return the newest checkpoint that is whole, and a warning for each newer one that is not."""
    from safetensors.torch import load

    warnings = []
    for path in reversed(_checkpoints(run)):
        damaged = _damage(path)
        if damaged:
            warnings.append(f"checkpoint {path.name} is damaged ({damaged})")
            continue
        tensors = {file.stem: load(file.read_bytes()) for file in path.glob("*.safetensors")}
        return Checkpoint(tensors, json.loads((path / "state.json").read_text("utf-8"))), warnings
    if warnings:
        warnings.append("no checkpoint is whole; the training begins again at step 0")
    return None, warnings


class History:
    """Append-only JSON lines that resume exactly: lines after the checkpoint's step are cut off."""

    def __init__(self, path: Path, from_step: int, is_writer: bool = True) -> None:
        self.path, self.is_writer = path, is_writer
        if not is_writer:
            return
        kept = [line for line in self._lines() if line["step"] <= from_step]
        text = "".join(json.dumps(line) + "\n" for line in kept)
        temporary = path.with_suffix(".tmp")
        with plain_disk_errors(path):
            temporary.write_text(text, "utf-8")
            os.replace(temporary, path)

    def append(self, line: Mapping[str, Any]) -> None:
        if not self.is_writer:
            return
        with plain_disk_errors(self.path), self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    def sync(self) -> None:
        """Wait until the lines are on the disk: a checkpoint must not outlive the history up to it."""
        with plain_disk_errors(self.path), self.path.open("a", encoding="utf-8") as file:
            os.fsync(file.fileno())

    def _lines(self) -> list[dict[str, Any]]:
        lines = []
        if self.path.exists():
            for text in self.path.read_text("utf-8").splitlines():
                try:
                    lines.append(json.loads(text))
                except json.JSONDecodeError:
                    break  # the line being written when the process was killed; training writes it again
        return lines


def _checkpoints(run: Path) -> list[Path]:
    return sorted((run / "checkpoints").glob("step-*"))


def _damage(path: Path) -> str:
    try:
        manifest = json.loads((path / "manifest.json").read_text("utf-8"))
        for name, digest in manifest.items():
            if hashlib.sha256((path / name).read_bytes()).hexdigest() != digest:
                return f"{name} is not what was written"
    except (OSError, ValueError) as error:
        return str(error)
    return ""
