"""Walk a folder in an order that never changes, without falling into a loop of links.

Gives names with forward slashes, relative to the folder. Hidden files are passed over. Read next: folder.py.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from noria.sources.core.layout import is_hidden


class Walk:
    """One pass over a folder. After it, `links_not_followed` and `empty_folders` say what was seen on the way."""

    def __init__(self, root: Path):
        self._root = root
        self.links_not_followed: list[str] = []
        self.empty_folders: list[str] = []

    def __iter__(self) -> Iterator[str]:
        """Yield the files, folder by folder, by name; also what is no regular file, for the reader to refuse."""
        self.links_not_followed.clear()
        self.empty_folders.clear()
        seen = {_identity(os.stat(self._root))}
        open_folders = [iter(self._entries(""))]
        while open_folders:
            for name, entry in open_folders[-1]:
                if not entry.is_dir():
                    yield name
                elif self._may_enter(name, entry, seen):
                    open_folders.append(iter(self._entries(f"{name}/")))
                    break
            else:
                open_folders.pop()

    def _entries(self, prefix: str) -> list[tuple[str, os.DirEntry[str]]]:
        with os.scandir(self._root / prefix) as listing:
            entries = sorted((entry for entry in listing if not is_hidden(entry.name)), key=lambda entry: entry.name)
        if not entries and prefix:
            self.empty_folders.append(prefix.rstrip("/"))
        return [(prefix + entry.name, entry) for entry in entries]

    def _may_enter(self, name: str, entry: os.DirEntry[str], seen: set[tuple[int, int]]) -> bool:
        """Say whether to go into a folder: always into a real one, through a link only to where nobody was yet."""
        identity = _identity(entry.stat())
        if entry.is_symlink() and identity in seen:
            self.links_not_followed.append(name)
            return False
        seen.add(identity)
        return True


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino
