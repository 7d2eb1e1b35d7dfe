"""The four original MNIST files (IDX format) in one folder: `image` uint8[n, height, width] and `label` int64[n].

Gzip or not, `train-images-idx3-ubyte` or `train-images.idx3-ubyte`. One Rows per split, as arrays; `numbers` count
from 0. Format: http://yann.lecun.com/exdb/mnist (two zero bytes, type 8, axes, then big-endian sizes).
"""

from __future__ import annotations

import gzip
import re
import struct
import zlib
from collections.abc import Iterator
from math import prod
from pathlib import Path
from typing import BinaryIO

import numpy as np

from noria.contract.source import Source, reading
from noria.errors import UserError
from noria.sources.core.limits import Meter
from noria.sources.core.text_file import open_bytes
from noria.types import Rows

_NAME = re.compile(r"(train|t10k|test)-(images|labels)[-.]idx[13]-ubyte(\.gz)?")
_UNSIGNED_BYTE = 8


class IdxFolder(Source):
    """A folder with pairs of IDX files: train and t10k (or test), or one of them."""

    def __init__(self, path: Path):
        self.path = self.root = path
        self.columns = ["image", "label"]
        with reading(path):
            found = idx_files(path)
        self._pairs: list[tuple[str, Path, Path]] = []
        for stem, split in (("train", "train"), ("t10k", "test"), ("test", "test")):
            images, labels = found.get((stem, "images")), found.get((stem, "labels"))
            if images and labels:
                self._pairs.append((split, images, labels))
            elif present := images or labels:
                missing = "labels" if images else "images"
                raise UserError(
                    f"there are no {missing} beside it", where=str(present), expected=f"{stem}-{missing}-..."
                )

    def files(self) -> list[Path]:
        """Return the files, images before labels, train before test."""
        return [path for _, images, labels in self._pairs for path in (images, labels)]

    def notes(self) -> list[str]:
        """Return nothing: the format leaves nothing to guess."""
        return []

    def rows(self, chunk_size: int = 4096) -> Iterator[Rows]:
        """Yield one Rows per split whatever the chunk size: 70,000 digits are 55 MB."""
        for split, images_path, labels_path in self._pairs:
            images, labels = read_idx(images_path), read_idx(labels_path)
            if images.ndim < 2 or labels.ndim != 1 or len(images) != len(labels):
                raise UserError(
                    "images and labels do not belong together",
                    where=str(labels_path),
                    expected=f"{len(images)} labels for {images_path.name}",
                    found=f"labels of shape {list(labels.shape)}, images of shape {list(images.shape)}",
                )
            columns: dict[str, list[object] | np.ndarray] = {"image": images, "label": labels.astype(np.int64)}
            yield Rows(columns, images_path.name, np.arange(len(images)), split)


def idx_files(folder: Path) -> dict[tuple[str, str], Path]:
    """Return the IDX files of a folder by (stem, kind), unpacked ones before gzip."""
    found: dict[tuple[str, str], Path] = {}
    for path in sorted(folder.iterdir()):  # "x" sorts before "x.gz"
        match = _NAME.fullmatch(path.name)
        if match and path.is_file():
            found.setdefault((match[1], match[2]), path)
    return found


def read_idx(path: Path) -> np.ndarray:
    """Return the array of one file, uint8 with the sizes of its header; raise UserError where the header lies."""
    with reading(path):
        try:
            with open_bytes(path) as stream:
                shape = _read_header(stream, path)
                return _read_values(stream, shape, path)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise UserError("the gzip file is broken or cut off", where=str(path), found=str(error)) from error


def _read_header(stream: BinaryIO, path: Path) -> tuple[int, ...]:
    magic = stream.read(4)
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] != _UNSIGNED_BYTE or not 1 <= magic[3] <= 4:
        raise UserError(
            "is not an IDX file of bytes", where=str(path), expected="00 00 08 01..04", found=magic.hex(" ")
        )
    sizes = stream.read(4 * magic[3])
    if len(sizes) < 4 * magic[3]:
        raise UserError("breaks off within its header", where=str(path))
    shape = struct.unpack(f">{magic[3]}I", sizes)
    return shape


def _read_values(stream: BinaryIO, shape: tuple[int, ...], path: Path) -> np.ndarray:
    """Read exactly what the header claims, and see that nothing follows."""
    num_bytes = prod(shape)
    if path.suffix != ".gz":
        num_held = path.stat().st_size - stream.tell()
        values = np.fromfile(stream, np.uint8, num_bytes) if num_held == num_bytes else None
    else:
        Meter(path).count_bytes(num_bytes, f"sizes {list(shape)}")
        data = bytearray(stream.read(num_bytes + 1))  # a bytearray, so that the array can be written to
        num_held = len(data)
        values = np.frombuffer(data, np.uint8) if num_held == num_bytes else None
    if values is None or len(values) != num_bytes:
        raise UserError(
            "holds more or less than its header says",
            where=str(path),
            expected=f"{num_bytes} bytes for sizes {list(shape)}",
            found=f"{num_held} bytes" if num_held <= num_bytes else f"at least {num_held} bytes",
        )
    return values.reshape(shape)
