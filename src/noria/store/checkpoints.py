"""Checkpoints and the history of a training: what is written is whole, what is read back is what was written.

A checkpoint is written into a temporary folder, synced, listed with sha256 in its manifest, renamed, and only then are
older ones deleted. Reading takes the newest one whose manifest holds. Knows no task. Read next: run_folder.py.
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

from noria.store.disk import plain_disk_errors, replace_file, sync_folder, write_synced

if TYPE_CHECKING:
    from torch import Tensor


NEEDED = {"model.safetensors", "optimizer.safetensors", "state.json"}  # files of every checkpoint


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
    steps = checkpoints_of(run)
    later = [path for path in steps if path > final]  # damaged, or this training would have begun there
    for path in [*later, *[path for path in steps if path <= final][:-2]]:
        shutil.rmtree(path)


def load_checkpoint(run: Path) -> tuple[Checkpoint | None, list[str]]:
    """Return the newest checkpoint that is whole, and a warning for each newer one that is not."""
    from safetensors.torch import load

    warnings = []
    for path in reversed(checkpoints_of(run)):
        damaged = _damage(path)
        if damaged:
            warnings.append(f"checkpoint {path.name} is damaged ({damaged})")
            continue
        tensors = {file.stem: load(file.read_bytes()) for file in path.glob("*.safetensors")}
        return Checkpoint(tensors, json.loads((path / "state.json").read_text("utf-8"))), warnings
    if warnings:
        warnings.append("no checkpoint is whole; the training begins again at step 0")
    return None, warnings


def checkpoints_of(run: Path) -> list[Path]:
    """Return the folders of all checkpoints, oldest first."""
    return sorted((run / "checkpoints").glob("step-*"))


class History:
    """Append-only JSON lines that resume exactly: those after the checkpoint's step are cut off and kept in `later`."""

    def __init__(self, path: Path, from_step: int, is_writer: bool = True) -> None:
        self.path, self.is_writer = path, is_writer
        self.later: dict[int, dict[str, Any]] = {}
        if not is_writer:
            return
        lines = self._lines()
        kept = [line for line in lines if line["step"] <= from_step]
        self.later = {line["step"]: line for line in lines if line["step"] > from_step}
        text = "".join(json.dumps(line) + "\n" for line in kept)
        replace_file(path, text.encode())

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
                    line = json.loads(text)
                except json.JSONDecodeError:
                    break  # the line being written when the process was killed; training writes it again
                if not isinstance(line, dict) or not isinstance(line.get("step"), int):
                    break
                lines.append(line)
        return lines


def _damage(path: Path) -> str:
    try:
        manifest = json.loads((path / "manifest.json").read_text("utf-8"))
        if not isinstance(manifest, dict) or not manifest.keys() >= NEEDED:
            return "its manifest is not what was written"
        for name, digest in manifest.items():
            if hashlib.sha256((path / name).read_bytes()).hexdigest() != digest:
                return f"{name} is not what was written"
    except (OSError, ValueError, RecursionError) as error:
        return str(error)
    return ""
