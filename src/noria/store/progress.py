"""How far a training in a run folder is, in words: where it goes on, how it ended, what a stop has left.

Knows no task. Read next: run_folder.py, checkpoints.py.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from noria.errors import UserError
from noria.store.checkpoints import checkpoints_of
from noria.store.run_folder import has_begun, read_json, resume_command


def is_trained(run: Path) -> bool:
    """Say whether every step is taken and the model is saved."""
    return (run / "bundle").is_dir()


def is_finished(run: Path) -> bool:
    """Say whether the model is scored too; the report is written last, and scores that are damaged are none."""
    if not is_trained(run) or not (run / "report.html").is_file():
        return False
    try:
        return "metrics" in read_json(run / "metrics.json")
    except UserError:
        return False


def in_words(step: int, steps: int, is_done: bool) -> str:
    """Return where a training stands: how it goes on, or how it ended."""
    if step >= steps:
        return f"finished: all {steps} steps are taken"
    return f"finished: stopped early at step {step} of {steps}" if is_done else f"going on from step {step} of {steps}"


def how_it_ended(run: Path) -> str:
    """Return how a finished training ended, by what it wrote."""
    try:
        steps = int(json.loads((run / "plan.json").read_text("utf-8"))["steps"])
        lines = [json.loads(line) for line in (run / "history.jsonl").read_text("utf-8").splitlines()]
        steps = next((line["steps"] for line in reversed(lines) if "steps" in line), steps)
        return in_words(int(lines[-1]["step"]) if lines else steps, steps, is_done=True)
    except (OSError, ValueError, KeyError, TypeError):  # a person may have removed what is not needed any more
        return "finished"


def what_is_saved(run: Path, verb: str = "train") -> str:
    """Return what a stop has left, and the command that goes on with it."""
    if not has_begun(run):
        return "stopped before anything was begun: run the same command again"
    saved = checkpoints_of(run)
    if is_trained(run):
        left = "the trained model is saved, its scores are not"
    elif saved:
        left = f"step {int(saved[-1].name.removeprefix('step-'))} is saved"
    else:
        left = "no step is saved yet" if verb == "train" else "the trials that ended are saved"
    return f"stopped: {left}; to go on: {resume_command(run, verb)}"


def remove_checkpoints(run: Path) -> None:
    """Remove what only a training that goes on needs."""
    shutil.rmtree(run / "checkpoints", ignore_errors=True)
