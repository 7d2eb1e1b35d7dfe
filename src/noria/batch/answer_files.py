"""Answers that are files: a worker writes those of a shard aside, and who writes the output moves them to their names.

    OUT/.JOB/12-k3x9/5.png -> OUT/cat.png      named after the record as `noria predict` does, in the order of the input

Each time that a shard is worked at has a folder of its own; the line that is stored of an answer says where its file
lies. So it does no harm that two work at a shard, or that one is killed: the stored lines say whose files count.
Read next: worker.py, assembly.py.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from noria.batch.job import Job
from noria.batch.shards import Shard
from noria.errors import UserError
from noria.pipeline.sinks import DrawnAnswer, free_place, line_of
from noria.store.disk import AGAIN_ADVICE, making_room, sync_folder, whole_file

ANSWER, FILE, NAME = "answer", "file", "name"  # of a stored line


class Aside:
    """The folder of one time that a shard is worked at; it is made with its first file."""

    def __init__(self, job: Job, shard: Shard) -> None:
        self._job, self._shard = job, shard
        self._folder: Path | None = None

    def line(self, answer: DrawnAnswer) -> str:
        """Write the file of an answer, if it has one; return the line to be stored, which says where it lies."""
        stored: dict[str, Any] = {ANSWER: answer.content}
        if answer.data is not None:
            folder = self._folder = self._folder or self._made()
            place = folder / f"{len(os.listdir(folder))}{answer.suffix}"
            with whole_file(place) as file:
                file.write_bytes(answer.data)
            stored |= {FILE: f"{folder.name}/{place.name}", NAME: answer.name}
        return line_of(stored)

    def finish(self) -> None:
        """Wait until the files are on the disk under their names."""
        if self._folder is not None:
            sync_folder(self._folder)
            sync_folder(self._folder.parent)

    def drop(self) -> None:
        """Delete the files: they are not those that count."""
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _made(self) -> Path:
        parent = self._job.aside
        with making_room(parent, AGAIN_ADVICE):
            parent.mkdir(parents=True, exist_ok=True)
            return Path(tempfile.mkdtemp(prefix=f"{self._shard.n}-", dir=parent))


def put_in_place(job: Job, stored: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """Move the files of all answers to their names, and yield the answers; what was moved before is left as it is."""
    folder = job.out_folder
    taken: set[Path] = set()
    for line in stored:
        if FILE in line:
            source = job.aside / line[FILE]
            place = free_place(folder, line[NAME], source.suffix, taken)
            _move(source, place)
        yield line.get(ANSWER, line)
    for parent in {place.parent for place in taken}:
        sync_folder(parent)


def _move(source: Path, place: Path) -> None:
    with making_room(place, AGAIN_ADVICE):
        place.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.replace(source, place)
    except FileNotFoundError as error:
        if place.exists():  # moved by who was killed after that
            return
        fix = "where machines share the work, --out must be a folder that they share; submit it anew"
        raise UserError("the file of an answer is gone", where=str(source), fix=fix) from error
