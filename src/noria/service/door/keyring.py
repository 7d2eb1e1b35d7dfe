"""The keys of a running server: the one of the environment and those of a file, which is read again when it changes.

A file that cannot be read keeps the keys there were, and the log says so. Read next: access.py.
"""

from __future__ import annotations

import logging
import time
from pathlib import Path
from threading import Lock

from noria.errors import UserError
from noria.service.door.audit import Audit
from noria.service.door.keys import VERBS, Key, digest_of, read_keys
from noria.service.door.rates import Bucket

LOOK_SECONDS = 1.0  # between two looks at the file
OWN = "NORIA_KEY"  # the name of the key that stands in the environment
_log = logging.getLogger(__name__)


class Keyring:
    """Finds keys by what a client sent. `is_open`: there are none, and everybody may ask.

    With a file nobody may ask without a key, even if all of its keys were revoked.
    """

    def __init__(self, secret: str | None, path: Path | None, audit: Audit) -> None:
        self.is_open = secret is None and path is None
        self._path, self.audit = path, audit
        self._own = {} if secret is None else _by_digest([Key(OWN, digest_of(secret.encode()), verbs=VERBS)])
        self._keys = self._own if path is None else self._own | _by_digest(read_keys(path))
        self._stamp, self._looked = self._stamp_now(), time.monotonic()
        self._lock = Lock()  # of two threads one looks
        self._buckets: dict[tuple[str, str], Bucket] = {}

    def find(self, secret: bytes) -> Key | None:
        """Return the key that this is; None where it is none, expired ones too.

        A look-up by digest takes a time that tells something of digests, from which nothing follows for the key.
        """
        self._look()
        key = self._keys.get(digest_of(secret)) if secret else None
        return None if key is None or key.is_expired() else key

    def finds(self, secret: bytes) -> bool:
        """Say whether this is a key."""
        return self.find(secret) is not None

    def admits(self, name: str, verb: str, model: str) -> bool:
        """Say whether what the key of this name has asked for earlier may still be done; where none was, it may.

        Also asked by the thread of the database.
        """
        self._look()
        key = next((one for one in self._keys.values() if one.name == name), None)
        return self.is_open or not name or (key is not None and not key.is_expired() and key.allows(verb, model))

    def buckets(self, key: Key) -> dict[str, Bucket]:
        """Return what a key may still ask for, by unit: requests, tokens. They outlive a change of the file."""
        rates = {"requests": key.requests_per_minute, "tokens": key.tokens_per_minute}
        return {unit: self._bucket(key.name, unit, rate) for unit, rate in rates.items() if rate is not None}

    def _bucket(self, name: str, unit: str, rate: int) -> Bucket:
        bucket = self._buckets.get((name, unit))
        if bucket is None or bucket.per_minute != rate:
            bucket = self._buckets[name, unit] = Bucket(rate)
        return bucket

    def _look(self) -> None:
        """Read the file again where it is another one than before."""
        with self._lock:
            if self._path is None or time.monotonic() - self._looked < LOOK_SECONDS:
                return
            self._looked = time.monotonic()
        stamp = self._stamp_now()
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            keys = self._own | _by_digest(read_keys(self._path))
        except UserError as error:
            _log.error("the keys stay as they were: %s", error)
            self.audit.write("keys_not_read", file=str(self._path))
            return
        before, after = set(self._keys.values()), set(keys.values())
        gone, new = sorted(one.name for one in before - after), sorted(one.name for one in after - before)
        self.audit.write("keys_read", file=str(self._path), gone=gone, new=new)
        names = {one.name for one in after}
        self._buckets = {place: bucket for place, bucket in self._buckets.items() if place[0] in names}
        self._keys = keys

    def _stamp_now(self) -> tuple[int, ...]:
        try:
            facts = self._path.stat() if self._path is not None else None
        except OSError:
            return (-1,)
        return () if facts is None else (facts.st_mtime_ns, facts.st_size, facts.st_ino)


def _by_digest(keys: list[Key]) -> dict[str, Key]:
    return {key.sha256: key for key in keys}
