"""What `noria keys` does with a file of keys: add one, list them, revoke one. Read next: keys.py."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, TypeAlias

from noria.errors import UserError
from noria.service.door.keys import ALL, Key, add_key, new_key, read_keys, revoke_key

Action: TypeAlias = Literal["add", "list", "revoke"]


def manage_keys(
    action: Action,
    name: str,
    file: Path,
    *,
    models: Sequence[str] = (),
    verbs: Sequence[str] = (),
    requests_per_minute: int | None = None,
    tokens_per_minute: int | None = None,
    expires: str | None = None,
) -> str:
    """Return what a person is to see: of `add` the new key, which stands nowhere else; of `list` a line a key."""
    if action == "list":
        return "\n".join(map(_line, read_keys(file))) or "there are no keys"
    if not name:
        raise UserError("which key?", where=f"noria keys {action}", fix=f"noria keys {action} NAME")
    if action == "revoke":
        revoke_key(file, name)
        return f"{name} is revoked; a running server sees it within a second"
    secret, key = new_key(name, models, verbs, requests_per_minute, tokens_per_minute, expires)
    add_key(file, key)
    return secret


def _line(key: Key) -> str:
    models = "all models" if ALL in key.models else ", ".join(key.models)
    rates = {"requests": key.requests_per_minute, "tokens": key.tokens_per_minute}
    limits = [f"{rate} {unit} a minute" for unit, rate in rates.items() if rate is not None]
    ends = [] if key.expires is None else [f"{'expired' if key.is_expired() else 'until'} {key.expires}"]
    return "; ".join([key.name, ", ".join(key.verbs), models, *limits, *ends])
