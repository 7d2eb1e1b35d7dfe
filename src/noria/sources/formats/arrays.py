"""NumPy archives (.npz) as rows of arrays: Keras' mnist.npz, the MedMNIST files, or plain `image` and `label`.

A name says column and split: `x_train`, `train_images` and `image` are all `image`, `y_test` and `test_labels` are
`label`. Streams chunk by chunk; never unpickles. `numbers` count from 0. Format: numpy.lib.format.
"""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import IO

import numpy as np

from noria.contract.source import Source, reading
from noria.errors import UserError
from noria.sources.core.limits import CHUNK_BYTES, Meter
from noria.types import Rows

_SPLIT = {"train": "train", "val": "validation", "valid": "validation", "validation": "validation", "test": "test"}
_COLUMN = {"x": "image", "images": "image", "y": "label", "labels": "label"}
_SPLIT_FIRST = re.compile(r"(train|val|valid|validation|test)_(\w+)")
_SPLIT_LAST = re.compile(r"(\w+)_(train|val|valid|validation|test)")
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, ValueError, NotImplementedError, RuntimeError)


@dataclass(frozen=True)
class _Array:
    """One member of the archive, as its header describes it."""

    member: str
    shape: tuple[int, ...]
    dtype: np.dtype[np.generic]

    @property
    def row_bytes(self) -> int:
        return prod(self.shape[1:]) * self.dtype.itemsize


class Arrays(Source):
    """An .npz file whose arrays have one row per record."""

    def __init__(self, path: Path):
        self.path, self.root = path, path.parent
        self._splits: dict[str, dict[str, _Array]] = {}
        with reading(path), _opened(path) as archive:
            for name in archive.namelist():
                column, split = _column_and_split(name.removesuffix(".npy"))
                held = self._splits.setdefault(split, {})
                if column in held:
                    raise UserError(f"{held[column].member} and {name} are both {split} {column}", where=str(path))
                held[column] = _read_header(archive, name, path)
        self.columns = self._check()

    def files(self) -> list[Path]:
        """Return the one file."""
        return [self.path]

    def notes(self) -> list[str]:
        """Return nothing: what is in the file is read."""
        return []

    def rows(self, chunk_size: int = 4096) -> Iterator[Rows]:
        """Yield the splits one after the other, train first."""
        meter = Meter(self.path)
        with reading(self.path), _opened(self.path) as archive:
            for split, arrays in self._splits.items():
                yield from self._split_rows(archive, split, arrays, chunk_size, meter)

    def _split_rows(
        self, archive: zipfile.ZipFile, split: str, arrays: dict[str, _Array], chunk_size: int, meter: Meter
    ) -> Iterator[Rows]:
        size = next(iter(arrays.values())).shape[0]
        row_bytes = sum(array.row_bytes for array in arrays.values())
        step = max(1, min(chunk_size, CHUNK_BYTES // max(1, row_bytes)))
        origin = f"{self.path.name}/{split}" if split else self.path.name
        with ExitStack() as stack:
            streams = {name: stack.enter_context(_skip_header(archive, a, self.path)) for name, a in arrays.items()}
            for start in range(0, size, step):
                count = min(step, size - start)
                columns: dict[str, list[object] | np.ndarray] = {}
                for name in self.columns:
                    columns[name] = _read_rows(streams[name], arrays[name], count, self.path)
                    meter.count_bytes(count * arrays[name].row_bytes, arrays[name].member)
                yield Rows(columns, origin, np.arange(start, start + count), split)

    def _check(self) -> list[str]:
        """Return the columns, which every split must have, in equal length."""
        if not self._splits:
            raise UserError("holds no array", where=str(self.path))
        order = ["train", "validation", "test", ""]
        self._splits = {split: self._splits[split] for split in order if split in self._splits}
        columns = list(next(iter(self._splits.values())))
        for arrays in self._splits.values():
            shapes = ", ".join(f"{array.member} {list(array.shape)}" for array in arrays.values())
            if len({array.shape[0] for array in arrays.values()}) > 1:
                raise UserError("arrays of one split have different lengths", where=str(self.path), found=shapes)
            if set(arrays) != set(columns):
                raise UserError(
                    "the splits hold different arrays",
                    where=str(self.path),
                    expected="names such as x_train, y_train, x_test, y_test, or image and label",
                    found=shapes,
                )
        return columns


def _column_and_split(name: str) -> tuple[str, str]:
    if match := _SPLIT_FIRST.fullmatch(name):
        split, column = match.groups()
    elif match := _SPLIT_LAST.fullmatch(name):
        column, split = match.groups()
    else:
        split, column = "", name
    return _COLUMN.get(column, column), _SPLIT.get(split, "")


def _opened(path: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except _BROKEN as error:
        raise UserError("is not a NumPy archive", where=str(path), found=str(error)) from error


def _read_header(archive: zipfile.ZipFile, member: str, path: Path) -> _Array:
    try:
        with archive.open(member) as stream:
            shape, is_fortran, dtype = _parse_header(stream)
    except _BROKEN as error:
        raise UserError(f"{member} is not a NumPy array", where=str(path), found=str(error)) from error
    if dtype.hasobject:
        raise UserError(
            f"{member} holds Python objects, which are never unpickled", where=str(path), expected="numbers"
        )
    if not shape:
        raise UserError(f"{member} is a single number", where=str(path), expected="one row per record")
    if is_fortran and len(shape) > 1:
        raise UserError(
            f"{member} is stored column by column", where=str(path), fix="save it with numpy.ascontiguousarray"
        )
    return _Array(member, shape, dtype)


def _parse_header(stream: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[np.generic]]:
    """Read up to where the values begin."""
    version = np.lib.format.read_magic(stream)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, is_fortran, dtype = read(stream)
    return shape, is_fortran, dtype


def _skip_header(archive: zipfile.ZipFile, array: _Array, path: Path) -> IO[bytes]:
    try:
        stream = archive.open(array.member)
        _parse_header(stream)
    except _BROKEN as error:
        raise UserError(f"{array.member} is not a NumPy array", where=str(path), found=str(error)) from error
    return stream


def _read_rows(stream: IO[bytes], array: _Array, count: int, path: Path) -> np.ndarray:
    """Read the next rows; one column of numbers, [n, 1], becomes [n]."""
    try:
        data = bytearray(stream.read(count * array.row_bytes))
    except _BROKEN as error:
        raise UserError(f"{array.member} is broken", where=str(path), found=str(error)) from error
    if len(data) < count * array.row_bytes:
        raise UserError(f"{array.member} is shorter than its header says", where=str(path))
    shape = array.shape[1:]
    return np.frombuffer(data, array.dtype).reshape((count, *(() if shape == (1,) else shape)))
