"""Encoded records on disk: one `.npy` file an array (two where rows are of unequal length), opened as memory maps.

A store is written chunk by chunk (a table larger than memory is fine) into a temporary folder that is renamed when it
is whole, so a half-written store does not exist. Knows no task and no file format of the user's. Read next:
stages/prepare.py, which fills it.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import quote, unquote

import numpy as np

from noria.errors import UserError
from noria.store.disk import plain_disk_errors
from noria.store.states import join_arrays, read_arrays, split_arrays, write_arrays
from noria.types import Arrays, Dataset, Ragged

CACHE_ADVICE = "free some space, or set NORIA_CACHE to a folder on a larger disk, and run the command again"
ABANDONED_SECONDS = 24 * 3600
SPLITS = ("train", "validation", "test")
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
        with plain_disk_errors(self.path, CACHE_ADVICE):
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
            self._files[key] = _GrowingArray(self._temporary / f"{key}.npy", values)
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
        manifest = {**manifest, "arrays": sorted(self._files), "fingerprint": digest.hexdigest()}
        with plain_disk_errors(self.path, CACHE_ADVICE):
            plain, arrays = split_arrays(manifest)
            write_arrays(self._temporary / "manifest.safetensors", arrays)
            (self._temporary / "manifest.json").write_text(json.dumps(plain), "utf-8")
            if self.path.exists() and read_store(self.path) is None:
                shutil.rmtree(self.path)  # it is damaged
            try:
                os.replace(self._temporary, self.path)
            except OSError:
                if read_store(self.path) is None:  # else another process was first, and what it wrote is the same
                    raise

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        for file in (*self._wheres.values(), *(array.file for array in self._files.values())):
            with suppress(OSError):  # on a full disk, closing tries once more to write and fails once more
                file.close()
        shutil.rmtree(self._temporary, ignore_errors=True)


def read_store(path: Path) -> tuple[dict[str, Dataset], dict[str, Any]] | None:
    """Open a store as memory maps; None where there is none that is whole."""
    manifest_path = path / "manifest.json"
    if not manifest_path.is_file():
        return None
    try:
        manifest = json.loads(manifest_path.read_text("utf-8"))
        manifest = join_arrays(manifest, read_arrays(path / "manifest.safetensors"))
        splits = {split: _read_split(path / split) for split in SPLITS if (path / split).is_dir()}
        needed = [f"{name}.npy" for name in manifest["arrays"]] + [f"{split}/{WHERES}" for split in splits]
        if not all((path / name).is_file() for name in needed):
            return None
    except (OSError, EOFError, ValueError, KeyError, UserError):
        return None  # cut short by a crash of the system: it can be made again
    os.utime(manifest_path)  # when it was last used: `trim_stores` removes the oldest
    return splits, manifest


def trim_stores(folder: Path, limit_bytes: int) -> None:
    """Remove the stores used longest ago until the folder holds at most `limit_bytes`; the newest always stays."""
    for left in folder.glob(".*.tmp"):  # by a preparation that was killed
        if time.time() - left.stat().st_mtime > ABANDONED_SECONDS:
            shutil.rmtree(left, ignore_errors=True)
    sized = []
    for manifest in folder.glob("*/manifest.json"):
        size = sum(file.stat().st_size for file in manifest.parent.rglob("*") if file.is_file())
        sized.append((manifest.stat().st_mtime, size, manifest.parent))
    total = 0
    for index, (_, size, path) in enumerate(sorted(sized, reverse=True)):
        total += size
        if index > 0 and total > limit_bytes:
            shutil.rmtree(path, ignore_errors=True)


def _read_split(folder: Path) -> Dataset:
    def arrays(below: Path) -> Arrays:
        found = {file.stem: np.load(file, mmap_mode="r", allow_pickle=False) for file in sorted(below.glob("*.npy"))}
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


class _GrowingArray:
    """An .npy file whose first axis grows; its header is written again at the end (numpy leaves room for it)."""

    def __init__(self, path: Path, first: np.ndarray) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.file: BinaryIO = path.open("wb")
        self._hash = hashlib.sha256()
        self.length, self._shape, self._dtype = 0, first.shape[1:], first.dtype
        self._write_header()

    def append(self, values: np.ndarray) -> None:
        if values.shape[1:] != self._shape or values.dtype != self._dtype:
            raise ValueError(f"{self.file.name}: {values.dtype}{values.shape} after {self._dtype}{self._shape}")
        data = np.ascontiguousarray(values).data.cast("B") if values.size else b""
        self.file.write(data)
        self._hash.update(data)
        self.length += len(values)

    def close(self) -> None:
        self.file.seek(0)
        self._write_header()
        self.file.close()
        self.digest = self._hash.digest()

    def _write_header(self) -> None:
        shape = (self.length, *self._shape)
        header = {"descr": np.lib.format.dtype_to_descr(self._dtype), "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(self.file, header)
