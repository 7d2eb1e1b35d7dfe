"""How much may come out of something packed, counted while it streams and never believed from its headers.

Knows no format. Used by the readers of archives, .npz and gzip IDX files.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from noria.errors import UserError

# Rows of large files are cut earlier than at chunk_size records, so that a chunk stays small beside any memory.
CHUNK_BYTES = 32 * 1024 * 1024


@dataclass(frozen=True)
class Limits:
    """What an archive may hold before it is taken for a bomb."""

    max_members: int = 5_000_000  # four times ImageNet
    max_member_bytes: int = 100_000_000  # as for a file that a cell names
    max_total_bytes: int = 1_000_000_000_000
    max_ratio: int = 200  # photos and sound pack to 1:1, digits 4:1, text 10:1; zeros 1000:1
    free_bytes: int = 100_000_000  # below this the ratio does not matter


@dataclass
class Meter:
    """Counts what came out of one reading of one packed file; raises UserError at a limit, naming the member."""

    path: Path
    limits: Limits = Limits()
    num_members: int = 0
    num_bytes: int = 0
    packed_bytes: int = field(init=False)

    def __post_init__(self) -> None:
        self.packed_bytes = self.path.stat().st_size

    def count_member(self, name: str) -> None:
        """Count one more member."""
        self.num_members += 1
        if self.num_members > self.limits.max_members:
            raise self._bomb(f"it holds more than {self.limits.max_members} members", name)

    def count_bytes(self, num_bytes: int, name: str) -> None:
        """Count bytes that came out of the member."""
        self.num_bytes += num_bytes
        if self.num_bytes > self.limits.max_total_bytes:
            raise self._bomb(f"it unpacks to more than {self.limits.max_total_bytes} bytes", name)
        if self.num_bytes > max(self.limits.free_bytes, self.limits.max_ratio * self.packed_bytes):
            raise self._bomb(f"it unpacks to more than {self.limits.max_ratio} times its size", name)

    def _bomb(self, found: str, name: str) -> UserError:
        return UserError(
            f"unpacks to too much: stopped at {name}",
            where=str(self.path),
            found=found,
            fix="unpack it yourself if you trust it, and give the folder",
        )
