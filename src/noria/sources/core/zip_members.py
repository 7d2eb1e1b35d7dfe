"""The members of a .zip, one by one, in the order of its directory. Read next: archive.py, limits.py."""

from __future__ import annotations

import stat
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, cast

from noria.errors import UserError
from noria.sources.core.limits import Limits, Meter
from noria.sources.core.members import Member, clean_name, is_hidden_name, name_encoding

_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError)
_IS_UTF_8 = 0x800  # general purpose bit 11
_IS_ENCRYPTED = 0x1


def zip_members(path: Path, is_wanted: Callable[[str], bool], limits: Limits) -> Iterator[Member]:
    """Yield the files of the archive, with data where wanted; folders and hidden files are passed over."""
    meter = Meter(path, limits)
    try:
        archive = zipfile.ZipFile(path)
    except _BROKEN as error:
        raise UserError("is not a whole zip archive", where=str(path), found=str(error)) from error
    with archive:
        # All names decide together: a few Chinese characters may by accident be UTF-8.
        unsaid = [_raw_name(info) for info in archive.infolist() if _says_no_encoding(info)]
        encoding = name_encoding(b"\n".join(unsaid))
        for info in archive.infolist():
            raw_name = _raw_name(info).decode(encoding) if _says_no_encoding(info) else info.filename
            name, flaw = clean_name(raw_name)
            if info.is_dir() or (not flaw and is_hidden_name(name)):
                continue
            meter.count_member(name)
            flaw = flaw or _flaw(info, limits)
            if flaw or not is_wanted(name):
                yield Member(name, flaw=flaw)
            else:
                yield _read(archive, info, name, meter)


def open_zip_member(path: Path, name: str) -> BinaryIO:
    """Return the stream of one member, to be read once from its beginning."""
    with zipfile.ZipFile(path) as archive:  # the stream keeps the file open after this
        for info in archive.infolist():
            if clean_name(info.filename)[0] == name:
                return cast(BinaryIO, archive.open(info))
    raise UserError(f"{name} is gone", where=str(path))


def _read(archive: zipfile.ZipFile, info: zipfile.ZipInfo, name: str, meter: Meter) -> Member:
    """Read one member up to its limit, whatever its header says."""
    limit = meter.limits.max_member_bytes
    try:
        with archive.open(info) as stream:
            data = stream.read(limit + 1)
    except _BROKEN as error:
        return Member(name, flaw=f"cannot be unpacked: {error}")
    meter.count_bytes(len(data), name)
    return Member(name, data) if len(data) <= limit else Member(name, flaw=f"larger than {limit} bytes")


def _says_no_encoding(info: zipfile.ZipInfo) -> bool:
    return not info.flag_bits & _IS_UTF_8 and not info.filename.isascii()


def _raw_name(info: zipfile.ZipInfo) -> bytes:
    """Return the name as it is stored; zipfile decodes one without the UTF-8 flag as cp437, which it mostly is not."""
    return info.filename.encode("cp437")


def _flaw(info: zipfile.ZipInfo, limits: Limits) -> str:
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind not in (0, stat.S_IFREG):
        return "a link, refused" if kind == stat.S_IFLNK else "a device, refused"
    if info.flag_bits & _IS_ENCRYPTED:
        return "encrypted"
    if info.file_size > limits.max_member_bytes:
        return f"larger than {limits.max_member_bytes} bytes"
    return ""
