"""What tells a file that was written from one that a disk or a hand has changed since: xxh3 of 128 bits.

Fast enough to be checked at every opening: with the reading 13 GB a second of one core of an AMD Zen 4, sha256 1.5.
Made against accidents, not against an attacker. Knows no task.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import xxhash

SEAL = "digest"  # the key of a mapping under which the digest of all its other keys stands
PIECE_BYTES = 2**20  # read at once


def file_digest(path: Path, skipped: int = 0) -> str:
    """Return the digest of a file: of what stands after its first bytes, then of these."""
    digest = xxhash.xxh3_128()
    with path.open("rb") as file:
        first = file.read(skipped)
        while piece := file.read(PIECE_BYTES):
            digest.update(piece)
    digest.update(first)
    return digest.hexdigest()


def sealed(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return JSON-able content with its own digest, whatever was there before."""
    plain = json.loads(json.dumps(content))  # as it will be read: every key a text
    return {**plain, SEAL: _digest_of(plain)}


def is_unchanged(content: Mapping[str, Any]) -> bool:
    """Say whether content read from JSON has a digest, and is what was sealed."""
    return content.get(SEAL) == _digest_of(content)


def _digest_of(content: Mapping[str, Any]) -> str:
    plain = {key: value for key, value in content.items() if key != SEAL}
    text = json.dumps(plain, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return xxhash.xxh3_128(text.encode()).hexdigest()
