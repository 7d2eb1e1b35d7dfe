"""The files of a batch that has ended: one with answers, one with errors, each in the order of the lines.

Their names follow from the batch's, so that writing them again after a crash writes the same files.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import time
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from noria.database import Transaction
from noria.database.home import ADVICE
from noria.service.batches import batches, files
from noria.service.batches.apart import Apart
from noria.service.batches.batches import Batch
from noria.service.batches.files import File
from noria.store.disk import plain_disk_errors

AT_ONCE = 128  # answers


class Lost(Exception):
    """Another process holds the batch by now."""


class Output:
    """A file that is being written; one without a line is none."""

    def __init__(self, batch: Batch, kind: str) -> None:
        digest = hashlib.sha256(f"{batch.id} {kind}".encode()).hexdigest()[:32]
        self._batch, self.file_id, self._name = batch, f"file-{digest}", f"{batch.id}_{kind}.jsonl"
        self._temporary: Path = files.temporary_path()
        self._file: BinaryIO = self._temporary.open("xb")
        self.lines = 0

    def add(self, packed: Sequence[bytes]) -> None:
        """Write lines."""
        with plain_disk_errors(self._temporary, ADVICE):
            for one in packed:
                self._file.write(zlib.decompress(one) + b"\n")
        self.lines += len(packed)

    def finish(self) -> File | None:
        """Put the file in its place; None where it has no line."""
        with plain_disk_errors(self._temporary, ADVICE):
            self._file.flush()
            os.fsync(self._file.fileno())
        size = self._file.tell()
        self._file.close()
        if not self.lines:
            self._temporary.unlink()
            return None
        files.place(self._temporary, self.file_id)
        return File(self.file_id, self._batch.owner, "batch_output", self._name, size, time.time(), self.lines)

    def drop(self) -> None:
        """Leave nothing of it that is not in its place."""
        self._file.close()
        self._temporary.unlink(missing_ok=True)


async def write_files(apart: Apart, batch: Batch, holder: str) -> None:
    """Write the files of a batch whose lines have all been answered or given up, and note its end; raise Lost."""
    outputs = [Output(batch, "output"), Output(batch, "error")]
    try:
        await _fill(apart, batch, holder, outputs)
        written = [await asyncio.to_thread(one.finish) for one in outputs]
    finally:
        for one in outputs:
            one.drop()

    def note(to: Transaction) -> None:
        for one in written:
            if one is not None:
                files.know(to, one)
        ids = [None if one is None else one.id for one in written]
        batches.finish(to, batch, batch.ending or "completed", ids[0], ids[1])

    await apart.run(note)


async def _fill(apart: Apart, batch: Batch, holder: str, outputs: Sequence[Output]) -> None:
    """Write every line; raise Lost where another has ended the batch meanwhile, and so deleted what is to be read."""
    after = 0

    def page(to: Transaction) -> list[tuple[int, bool, bytes]] | None:
        if batches.keep(to, batch, holder) is None:
            return None
        return batches.page_of_answers(to, batch, after, AT_ONCE)

    while found := await apart.run(page):
        for is_error, output in enumerate(outputs):
            await asyncio.to_thread(output.add, [packed for _, bad, packed in found if bad == bool(is_error)])
        after = found[-1][0]
    if sum(one.lines for one in outputs) != batch.total:
        raise Lost
