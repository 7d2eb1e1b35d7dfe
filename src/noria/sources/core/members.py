"""What the readers of archives share: a member as it came out, and why a name or a kind of member is refused.

Nothing is ever unpacked to disk; a bad name is refused all the same, as it would become the record's own name.
Read next: zip_members.py, tar_members.py, archive.py.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from noria.sources.core.layout import is_hidden

_OUTSIDE = re.compile(r"/|[A-Za-z]:")  # the beginning of an absolute path, on Windows too


@dataclass(frozen=True)
class Member:
    """A file in an archive. `data` is empty where it was not wanted; `flaw` says why it cannot be used."""

    name: str
    data: bytes = b""
    flaw: str = ""


def clean_name(name: str) -> tuple[str, str]:
    """Return the name with forward slashes and no "./", and why it is refused, if it is."""
    plain = name.replace("\\", "/")
    if _OUTSIDE.match(plain):
        return plain, "an absolute path in an archive"
    parts = [part for part in plain.split("/") if part not in ("", ".")]
    if ".." in parts:
        return plain, "a path that leads out of the archive"
    if not parts or "\0" in plain:
        return plain, "a name that no file can have"
    return "/".join(parts), ""


def is_hidden_name(name: str) -> bool:
    """Say whether any part of the path is hidden."""
    return ("." in name or "__" in name or "Thumbs.db" in name) and any(map(is_hidden, name.split("/")))


def name_encoding(raw: bytes) -> str:
    """Return the encoding of names that say nothing of it: UTF-8, else what Chinese Windows writes, else any."""
    for encoding in ("utf-8", "gb18030"):
        try:
            raw.decode(encoding)
        except UnicodeDecodeError:
            continue
        return encoding
    return "cp437"
