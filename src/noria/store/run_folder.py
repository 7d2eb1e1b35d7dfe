"""The run folder: its lock, what a training begins with, and how far it is. Nothing in it is ever half written.

    RUN/job.yaml prepare.json plan.json environment.json quarantine.jsonl
    RUN/history.jsonl            one line a report, a pure function of job and data; times.jsonl has the seconds
    RUN/checkpoints/step-00000120/{model,optimizer}.safetensors state.json manifest.json
    RUN/bundle/                  what is shipped (pipeline/bundle.py)
    RUN/metrics.json report.html

Knows no task. Read next: checkpoints.py, stages/train.py.
"""

from __future__ import annotations

import fcntl
import json
import os
import platform
import shlex
import socket
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from noria.errors import EXIT_RUN_IS_LOCKED, UserError, raise_all
from noria.job.in_memory import JobLike, with_frame_of
from noria.job.renamed import read_stored_job
from noria.job.text import Section
from noria.store.disk import making_room, plain_disk_errors, sync_folder, write_json, write_synced
from noria.store.states import split_arrays, write_arrays

if TYPE_CHECKING:
    from noria.job import Job


NEEDED = ("noria", "torch", "numpy", "scikit-learn", "pillow")  # packages whose versions are kept
OPTIONAL = ("rdkit",)  # the same, where they are installed
RESTORE = "bring the file back from a copy, or train again in another folder"
# Settings that name a file or a folder; a relative one starts where the training was begun.
PLACES = (
    "data.path",
    "data.more",
    "data.split.file",
    "model.from",
    "model.pretrained",
    "evaluate.compare_to",
    "wheel.data",
    "wheel.golden",
    "wheel.service.key_file",
)
FOLDER = "folder"  # in prepare.json: where that was
# On resuming; data is known by its hash.
MAY_CHANGE = (
    "data.path",
    "data.more",
    "train.checkpoint_minutes",
    "train.keep_checkpoints",
    "train.report_to",
    "evaluate.engine",
    "tune.minutes",
    "tune.trials",
)


def new_run(folder: Path | None, name: str, resume: bool = False) -> Path:
    """Return the run folder asked for, or the first free one of runs/NAME, runs/NAME-2, ...; on resuming the newest.

    Where there is none to resume, one is begun.
    """
    if folder is not None:
        return folder
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise UserError("several processes need to agree on a run folder", fix="name it with --run")
    newest, path = None, Path("runs") / name
    count = 1
    while path.exists():
        newest, count = path, count + 1
        path = Path("runs") / f"{name}-{count}"
    return newest if resume and newest is not None else path


def has_begun(run: Path) -> bool:
    """Say whether a training or a tuning has begun here: its job is written last of what it begins with."""
    return (run / "job.yaml").exists()


def start_or_resume(run: Path, source: JobLike, resume: bool, verb: Literal["train", "tune"] = "train") -> JobLike:
    """Return the job to train: the one given, or the one that the run began with, where it has begun."""
    if not has_begun(run):
        return source
    held = "tune" if (run / "tune.db").exists() else "train" if (run / "plan.json").exists() else verb
    if resume and held == verb:
        return with_frame_of(source, read_run_job(run))
    raise UserError(
        f"this folder already holds a {'tuning' if held == 'tune' else 'training'}",
        where=str(run),
        fix=f"go on with it: {resume_command(run, held)}; or name another folder with --run",
    )


def resume_command(run: Path, verb: str = "train") -> str:
    """Return the command that goes on with what has begun in a run folder, whatever it was begun with."""
    return f"noria {verb} {shlex.quote(str(run / 'job.yaml'))} --run {shlex.quote(str(run))} --resume"


def name_of(source: object) -> str:
    """Return what a run of a job is called: by its file, its task, or the study whose best job it is."""
    if isinstance(source, Mapping):
        return str(source.get("task", "run"))
    path = Path(str(source))
    study = path.absolute().parent.name
    return f"{study.removeprefix('tune-')}-best" if path.name == "best.yaml" and study else path.stem


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
                fix="leave it out, or start a new run with --run",
            )
            for key in changed
            if key not in MAY_CHANGE and not key.startswith("wheel")
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
    write_json(run / "prepare.json", {**plain, FOLDER: os.path.abspath(os.curdir)})
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
    for package in (*NEEDED, *OPTIONAL):
        try:
            packages[package] = version(package)
        except PackageNotFoundError:
            if package in NEEDED:
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
    with making_room(run):
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


def read_start(run: Path) -> dict[str, Any]:
    """Return what a training wrote down of its data; raise UserError where its fingerprint is not there."""
    begun = read_json(run / "prepare.json")
    if not isinstance(begun.get("fingerprint"), str) or not isinstance(begun.get("origin", ""), str):
        raise UserError("this file is damaged", where=str(run / "prepare.json"), expected="a fingerprint", fix=RESTORE)
    return begun


def read_run_job(run: Path) -> Section:
    """Return the job of a run, with its relative paths as they are meant, wherever this command is given."""
    job = read_stored_job(run / "job.yaml")
    begun = read_json(run / "prepare.json") if (run / "prepare.json").is_file() else {}
    folder = Path(str(begun.get(FOLDER, os.curdir)))
    if folder.absolute() == Path.cwd():
        return job

    def found(given: object) -> object:
        if isinstance(given, list):
            return [found(one) for one in given]
        return str(folder / given) if isinstance(given, str) and given and (folder / given).exists() else given

    for place in PLACES:
        *above, key = place.split(".")
        section: Any = job
        for name in above:
            section = section.get(name) if isinstance(section, dict) else None
        if isinstance(section, dict) and key in section:
            section[key] = found(section[key])
    return job


def read_json(path: Path) -> dict[str, Any]:
    """Read a file of a run or a bundle that holds one JSON object; raise UserError where it does not."""
    try:
        content = json.loads(path.read_text("utf-8"))
    except FileNotFoundError as error:
        if not path.parent.exists():
            fix = "name the folder of a run; noria runs lists them"
            raise UserError("there is no such folder", where=str(path.parent), fix=fix) from error
        is_begun = (path.parent / "job.yaml").exists()
        what = f"{'this training is not finished: ' if is_begun else ''}there is no {path.name} here"
        fix = f"go on with it: {resume_command(path.parent)}" if is_begun else "is this a run folder?"
        raise UserError(what, where=str(path.parent), fix=fix) from error
    except OSError as error:
        raise UserError("cannot be read", where=str(path), found=error.strerror or str(error)) from error
    except (ValueError, RecursionError) as error:
        where = f"{path}:{error.lineno}" if isinstance(error, json.JSONDecodeError) else str(path)
        raise UserError("this file is damaged", where=where, found=str(error)[:200], fix=RESTORE) from error
    if not isinstance(content, dict):
        raise UserError(
            "this file is damaged", where=str(path), expected="a JSON object", found=repr(content)[:80], fix=RESTORE
        )
    return content
