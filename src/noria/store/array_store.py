"""Encoded records on disk: one `.npy` file an array (two where rows are of unequal length), opened as memory maps.

A store is written chunk by chunk (a table larger than memory is fine) into a temporary folder that is renamed when it
is whole, so a half-written store does not exist. Its manifest holds a digest of every file, and opening it reads and
checks them: what follows reads them too, then from memory. Knows no task and no file format of the user's. Read next:
stages/prepare.py, which fills it.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import time
from collections.abc import Callable, Collection
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import quote, unquote

import numpy as np
import xxhash

from noria.errors import UserError
from noria.store.digests import file_digest, is_unchanged, sealed
from noria.store.disk import CACHE_ADVICE, making_room, plain_disk_errors, write_synced
from noria.store.states import join_arrays, read_arrays, split_arrays, write_arrays
from noria.types import Arrays, Dataset, Ragged

LENGTH_ENDS = 10  # bytes of an .npy file of version 1.0: what it is, its version, and how long its header is
ABANDONED_SECONDS = 24 * 3600
SPLITS = ("train", "validation", "test")
_LONGEST_NAME = 200  # ASCII characters; file systems take 255 bytes, some of them 240
_KEPT_OF_NAME = 100
_SHORTENED = "="  # stands in no quoted name
_FULL_NAME = ".name"  # ending of the file beside an array whose own name is too long for one
MANIFEST, STATES = "manifest.json", "manifest.safetensors"  # the latter where there are arrays in what was learnt
GROUPS = "groups/record"
WHERES = "where.jsonl"  # where each record stands in the source: a name of a file may hold any character


def named_arrays(records: Dataset) -> Arrays:
    """Return the arrays of records under the names that a store keeps them by."""
    arrays = {f"inputs/{name}/{key}": value for name, one in records.inputs.items() for key, value in one.items()}
    arrays |= {f"target/{key}": value for key, value in records.target.items()}
    if records.groups is not None:
        arrays[GROUPS] = records.groups
    return arrays | {f"slices/{quote(column, safe='')}": codes for column, codes in records.slices.items()}


def scored_split(splits: Collection[str]) -> str:
    """Return the split that a finished training is scored on: test, else validation, else train."""
    return next(split for split in reversed(SPLITS) if split in splits)


class StoreWriter:
    """Write a store; use as a context manager. Nothing appears at `path` unless the block ends without an error."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
        self._files: dict[str, _GrowingArray] = {}
        self._wheres: dict[str, Any] = {}

    def __enter__(self) -> StoreWriter:
        with making_room(self.path, CACHE_ADVICE):
            self._temporary.mkdir(parents=True)
        return self

    def append(self, split: str, arrays: Arrays, wheres: list[str]) -> None:
        """Append records to a split. Array names are paths: `inputs/image/pixels`, `target/label`.

        A slice is named after a column of the user's, quoted as in an address: `slices/price%2Fyear`. GROUPS holds the
        group of each record; it is not learnt from, and no part of the fingerprint.
        """
        with plain_disk_errors(self.path, CACHE_ADVICE):
            for name, values in arrays.items():
                if isinstance(values, Ragged):
                    self._append(f"{split}/{name}.values", values.values[values.offsets[0] : values.offsets[-1]])
                    self._append(f"{split}/{name}.lengths", values.lengths)
                else:
                    self._append(f"{split}/{name}", values)
            if split not in self._wheres:
                self._wheres[split] = (self._temporary / split / WHERES).open("w", encoding="ascii")
            self._wheres[split].writelines(f"{json.dumps(where)}\n" for where in wheres)

    def _append(self, key: str, values: np.ndarray) -> None:
        if key not in self._files:
            path = self._temporary / _file_of(key)
            self._files[key] = _GrowingArray(path, values)
            if _SHORTENED in path.name:
                path.with_suffix(_FULL_NAME).write_text(key.rpartition("/")[2], "ascii")
        self._files[key].append(values)

    def close(self) -> dict[str, Dataset]:
        """Close the arrays and return what was written, to be looked at before it is published."""
        with plain_disk_errors(self.path, CACHE_ADVICE):
            for array in self._files.values():
                array.close()
            for file in self._wheres.values():
                file.close()
        return {split: _read_split(self._temporary / split) for split in SPLITS if split in self._wheres}

    def publish(self, manifest: dict[str, Any]) -> None:
        """Write the manifest, with the sha256 of all arrays as `fingerprint`, and make the store real."""
        digest = hashlib.sha256()
        for name in sorted(self._files):
            if name.endswith(f"/{GROUPS}"):
                continue
            digest.update(name.encode())
            digest.update(self._files[name].digest)
        files = {_file_of(name): array.file_digest for name, array in self._files.items()}
        files |= {f"{split}/{WHERES}": file_digest(self._temporary / split / WHERES) for split in self._wheres}
        manifest = {**manifest, "fingerprint": digest.hexdigest(), "files": files}
        with plain_disk_errors(self.path, CACHE_ADVICE):
            plain, arrays = split_arrays(manifest)
            if write_arrays(self._temporary / STATES, arrays):
                files[STATES] = file_digest(self._temporary / STATES)
            write_synced(self._temporary / MANIFEST, json.dumps(sealed({**plain, "files": files})).encode())
            if self.path.exists() and not _is_whole(self.path):
                shutil.rmtree(self.path)
            try:
                os.replace(self._temporary, self.path)
            except OSError:
                if not _is_whole(self.path):  # else another process was first, and what it wrote is the same
                    raise

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        for file in (*self._wheres.values(), *(array.file for array in self._files.values())):
            with suppress(OSError):  # on a full disk, closing tries once more to write and fails once more
                file.close()
        shutil.rmtree(self._temporary, ignore_errors=True)


class DamagedStore(Exception):
    """A store that is not what was written, and how it differs; it can be made again."""


def read_store(path: Path) -> tuple[dict[str, Dataset], dict[str, Any]] | None:
    """Open a store as memory maps; None where there is none. Raises DamagedStore where it is not what was written."""
    if not path.exists():
        return None
    try:
        manifest = json.loads((path / MANIFEST).read_text("utf-8"))
        if not isinstance(manifest, dict) or not is_unchanged(manifest):
            raise DamagedStore(f"{MANIFEST} is not what was written")
        for name, digest in manifest["files"].items():
            if not _has_digest(path / name, digest):
                raise DamagedStore(f"{name} is not what was written")
        manifest = join_arrays(manifest, read_arrays(path / STATES))
        splits = {split: _read_split(path / split) for split in SPLITS if (path / split).is_dir()}
    except (OSError, EOFError, ValueError, KeyError, RecursionError, UserError) as error:
        raise DamagedStore(f"{type(error).__name__}: {error}".splitlines()[0]) from error
    with suppress(OSError):  # a cache that may only be read
        os.utime(path / MANIFEST)  # when it was last used: `trim_stores` removes the oldest
    return splits, manifest


def usable_store(
    path: Path, tell: Callable[[str], None] = lambda _: None
) -> tuple[dict[str, Dataset], dict[str, Any]] | None:
    """Open a store; None where there is none. One that is not what was written is told and removed."""
    try:
        return read_store(path)
    except DamagedStore as damage:
        tell(f"what was prepared before is damaged ({damage}): it is prepared again")
        shutil.rmtree(path, ignore_errors=True)
        return None


def _is_whole(path: Path) -> bool:
    try:
        return read_store(path) is not None
    except DamagedStore:
        return False


def _has_digest(path: Path, digest: str) -> bool:
    """Say whether a file is there and what was written; of an array the header was written last."""
    if not path.is_file():
        raise DamagedStore(f"{path.name} is missing")
    return file_digest(path, _header_bytes(path) if path.suffix == ".npy" else 0) == digest


def _header_bytes(path: Path) -> int:
    with path.open("rb") as file:
        first = file.read(LENGTH_ENDS)
    return LENGTH_ENDS + int.from_bytes(first[-2:], "little")


def trim_stores(folder: Path, limit_bytes: int, known_by: str = MANIFEST) -> None:
    """Remove the stores used longest ago until the folder holds at most `limit_bytes`; the newest always stays.

    A store is a folder with a file of the name it is `known_by`, which was changed when the store was last used.
    """
    for left in folder.glob(".*.tmp"):  # by a preparation that was killed
        if time.time() - left.stat().st_mtime > ABANDONED_SECONDS:
            shutil.rmtree(left, ignore_errors=True)
    sized = []
    for manifest in folder.glob(f"*/{known_by}"):
        size = sum(file.stat().st_size for file in manifest.parent.rglob("*") if file.is_file())
        sized.append((manifest.stat().st_mtime, size, manifest.parent))
    total = 0
    for index, (_, size, path) in enumerate(sorted(sized, reverse=True)):
        total += size
        if index > 0 and total > limit_bytes:
            shutil.rmtree(path, ignore_errors=True)


def _read_split(folder: Path) -> Dataset:
    def arrays(below: Path) -> Arrays:
        files = sorted(below.glob("*.npy"))
        found = {_name_of(file): np.load(file, mmap_mode="r", allow_pickle=False) for file in files}
        ragged = {
            name.removesuffix(".lengths"): Ragged(
                found[name.removesuffix(".lengths") + ".values"], np.concatenate([[0], np.cumsum(lengths)])
            )
            for name, lengths in found.items()
            if name.endswith(".lengths") and name.removesuffix(".lengths") + ".values" in found
        }
        plain = {name: one for name, one in found.items() if name.rpartition(".")[0] not in ragged}
        return plain | ragged

    inputs = {field.name: arrays(field) for field in sorted((folder / "inputs").glob("*"))}
    slices = {unquote(column): values for column, values in arrays(folder / "slices").items()}
    groups = arrays(folder / "groups").get("record")
    return Dataset(inputs, arrays(folder / "target"), slices, folder / WHERES, groups=groups)


def _file_of(key: str) -> str:
    """Return where an array is kept; the name of a file has a limit, that of a column, which slices have, has none."""
    folder, slash, name = key.rpartition("/")
    if len(name) > _LONGEST_NAME:
        name = name[:_KEPT_OF_NAME] + _SHORTENED + hashlib.sha256(name.encode()).hexdigest()[:16]
    return f"{folder}{slash}{name}.npy"


def _name_of(file: Path) -> str:
    return file.with_suffix(_FULL_NAME).read_text("ascii") if _SHORTENED in file.stem else file.stem


class _GrowingArray:
    """An .npy file whose first axis grows; its header is written again at the end (numpy leaves room for it)."""

    def __init__(self, path: Path, first: np.ndarray) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.file: BinaryIO = path.open("wb")
        self._hash, self._file_hash = hashlib.sha256(), xxhash.xxh3_128()
        self.length, self._shape, self._dtype = 0, first.shape[1:], first.dtype
        self.file.write(self._header())

    def append(self, values: np.ndarray) -> None:
        if values.shape[1:] != self._shape or values.dtype != self._dtype:
            raise ValueError(f"{self.file.name}: {values.dtype}{values.shape} after {self._dtype}{self._shape}")
        data = np.ascontiguousarray(values).data.cast("B") if values.size else b""
        self.file.write(data)
        self._hash.update(data)
        self._file_hash.update(data)
        self.length += len(values)

    def close(self) -> None:
        header = self._header()
        self.file.seek(0)
        self.file.write(header)
        self.file.close()
        self._file_hash.update(header)
        self.digest, self.file_digest = self._hash.digest(), self._file_hash.hexdigest()

    def _header(self) -> bytes:
        shape = (self.length, *self._shape)
        header = {"descr": np.lib.format.dtype_to_descr(self._dtype), "fortran_order": False, "shape": shape}
        written = io.BytesIO()
        np.lib.format.write_array_header_1_0(written, header)
        return written.getvalue()
