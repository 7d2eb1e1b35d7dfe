"""The file of keys: who may ask which models for what, how often, and until when.

    keys:
      - name: shop
        sha256: 5e88..           the digest of the key, which itself stands nowhere
        models: [digits]         default all
        verbs: [predict]         of predict, stream, admin, metrics; default predict and stream
        requests_per_minute: 600
        tokens_per_minute: 100000
        expires: 2027-01-01      the last day, UTC

A key is 256 random bits. Nobody can try that many, however fast a digest is, so it needs neither salt nor a slow
function as the passwords of people do; and a slow one would be a way to stop the server. Read next: keyring.py.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import yaml

from noria.errors import UserError, UserErrors, did_you_mean

PREFIX = "noria_"  # by which a key that was published by mistake is found
VERBS = ("predict", "stream", "admin", "metrics")
USUAL_VERBS = ("predict", "stream")
ALL = "*"
_NAME = re.compile(r"[\w.@-]{1,64}")
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Key:
    """What one key may do; the key itself is not known, only its digest."""

    name: str
    sha256: str
    models: tuple[str, ...] = (ALL,)
    verbs: tuple[str, ...] = USUAL_VERBS
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    expires: date | None = None

    def is_expired(self) -> bool:
        """Say whether its last day is over."""
        return self.expires is not None and datetime.now(UTC).date() > self.expires

    def allows(self, verb: str, model: str | None = None) -> bool:
        """Say whether it may do this, to this model where one is named."""
        return verb in self.verbs and (model is None or ALL in self.models or model in self.models)

    def as_row(self) -> dict[str, Any]:
        """Return what the file says of it: nothing of what is as usual."""
        usual = {one.name: one.default for one in fields(self)}
        row = {name: value for name, value in asdict(self).items() if value != usual[name]}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in row.items()}


def digest_of(secret: bytes) -> str:
    """Return the digest by which a key is known."""
    return hashlib.sha256(secret).hexdigest()


def read_keys(path: Path) -> list[Key]:
    """Return the keys of a file; raise UserError with everything that is wrong with it."""
    try:
        given = yaml.safe_load(path.read_text("utf-8"))
    except FileNotFoundError:
        raise UserError(
            "there is no such file of keys", where=str(path), fix=f"noria keys add NAME --file {path}"
        ) from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UserError("the file of keys cannot be read", where=str(path), found=str(error)) from error
    rows = given.get("keys") if isinstance(given, dict) and given.keys() == {"keys"} else None
    if not isinstance(rows, list):
        raise UserError("this is no file of keys", where=str(path), expected="keys: and a list below it")
    problems: list[UserError] = []
    keys = [_key(row, f"{path}: key {number}", problems) for number, row in enumerate(rows, 1)]
    found = [key for key in keys if key is not None]
    for field in ("name", "sha256"):
        values = [getattr(key, field) for key in found]
        twice = sorted({value for value in values if values.count(value) > 1})
        problems += [UserError(f"two keys have the same {field}", where=str(path), found=one) for one in twice]
    if problems:
        raise UserErrors(problems)
    return found


def add_key(path: Path, key: Key) -> None:
    """Write one more key into a file, which is made where there is none; raise UserError where the name is taken."""
    keys = read_keys(path) if path.exists() else []
    if any(one.name == key.name for one in keys):
        raise UserError("there is a key of this name", where=str(path), found=key.name, fix="revoke it first")
    _write(path, [*keys, key])


def revoke_key(path: Path, name: str) -> None:
    """Take a key out of a file; raise UserError where there is none of this name."""
    keys = read_keys(path)
    left = [one for one in keys if one.name != name]
    if len(left) == len(keys):
        near = did_you_mean(name, [one.name for one in keys])
        raise UserError("there is no key of this name", where=str(path), found=name, fix=near)
    _write(path, left)


def new_key(
    name: str,
    models: Sequence[str] = (),
    verbs: Sequence[str] = (),
    requests_per_minute: int | None = None,
    tokens_per_minute: int | None = None,
    expires: str | None = None,
) -> tuple[str, Key]:
    """Return a new secret and what is written of it; raise UserError for what a key cannot be."""
    secret = PREFIX + secrets.token_urlsafe(32)
    row = {
        "name": name,
        "sha256": digest_of(secret.encode()),
        "models": list(models) or [ALL],
        "verbs": list(verbs) or list(USUAL_VERBS),
        "requests_per_minute": requests_per_minute,
        "tokens_per_minute": tokens_per_minute,
        "expires": expires,
    }
    problems: list[UserError] = []
    key = _key(row, "noria keys add", problems)
    if key is None:
        raise UserErrors(problems)
    if key.is_expired():
        raise UserError(
            "this key would be good for nothing: its last day is over", where="--expires", found=str(expires)
        )
    return secret, key


def _key(row: Any, where: str, problems: list[UserError]) -> Key | None:
    """Return a key of a row of the file; add what is wrong with it to the problems."""
    known = [one.name for one in fields(Key)]
    if not isinstance(row, dict):
        problems.append(UserError("a key is a mapping", where=where, expected=", ".join(known)))
        return None
    before = len(problems)
    for name in set(row) - set(known):
        problems.append(UserError(f"a key has no {name!r}", where=where, fix=did_you_mean(str(name), known)))
    values = {name: row[name] for name in known if row.get(name) is not None}
    checks: dict[str, tuple[Callable[[Any], bool], str]] = {
        "name": (lambda one: _fits(_NAME, one), "1 to 64 letters, digits and . _ @ -"),
        "sha256": (lambda one: _fits(_DIGEST, one), "64 digits of 0 to 9 and a to f"),
        "models": (lambda one: _is_texts(one), "a list of names of models, or ['*']"),
        "verbs": (lambda one: _is_texts(one) and set(one) <= set(VERBS), f"a list of {', '.join(VERBS)}"),
        "requests_per_minute": (_is_rate, "a whole number from 1"),
        "tokens_per_minute": (_is_rate, "a whole number from 1"),
        "expires": (lambda one: _day(one) is not None, "a day, as in 2027-01-31"),
    }
    for name, (is_right, expected) in checks.items():
        if name in values and not is_right(values[name]):
            problems.append(UserError(f"{name} is wrong", where=where, expected=expected, found=repr(values[name])))
    for name in ("name", "sha256"):
        if name not in values:
            problems.append(UserError(f"{name} is missing", where=where))
    if len(problems) > before:
        return None
    values |= {name: tuple(values[name]) for name in ("models", "verbs") if name in values}
    return Key(**{**values, "expires": _day(values.get("expires"))})


def _fits(pattern: re.Pattern[str], value: Any) -> bool:
    return isinstance(value, str) and pattern.fullmatch(value) is not None


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(one, str) and one for one in value)


def _is_rate(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _day(value: Any) -> date | None:
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    try:
        return date.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None


def _write(path: Path, keys: Sequence[Key]) -> None:
    """Put a new file in the place of the old one, which a running server reads at any moment; for its owner alone."""
    text = yaml.safe_dump({"keys": [key.as_row() for key in keys]}, sort_keys=False, allow_unicode=True)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # which only its owner may read
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    except OSError as error:
        raise UserError("the file of keys cannot be written", where=str(path), found=str(error)) from error
