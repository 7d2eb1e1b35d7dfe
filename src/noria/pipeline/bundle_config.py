"""The config.json of a bundle, read with care: whatever is wrong with it, one sentence says what.

    format 4    config.json has a digest of its own
    format 3    until 0.1: it has none; see older_bundles.py for what was before

Knows no task. Read next: bundle.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from noria.errors import UserError
from noria.pipeline.older_bundles import OLDEST
from noria.store.digests import is_unchanged
from noria.store.run_folder import read_json
from noria.store.states import join_arrays, read_arrays

FORMAT = 4
FIRST_SEALED = 4
STATES = "states.safetensors"  # arrays of what was learnt, where there are any
COPY_AGAIN = "copy the bundle again from where it was made, or train it again"
# What building a model from settings and states that do not fit together may raise.
MISFIT = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RuntimeError, MemoryError, OSError)


def read_config(folder: Path) -> dict[str, Any]:
    """Return a bundle's config, with the arrays in its states; raise UserError where it is not what was written."""
    config = read_json(folder / "config.json")
    written = config.get("format")
    if type(written) is not int or not OLDEST <= written <= FORMAT:
        raise UserError(
            "this bundle has another format",
            where=str(folder),
            expected=f"format {OLDEST} to {FORMAT}",
            found=repr(written)[:80],
            fix=f"load it with the version of Noria that wrote it: {config.get('noria')}",
        )
    if written >= FIRST_SEALED and not is_unchanged(config):
        raise UserError("config.json is not what this bundle was written with", where=str(folder), fix=COPY_AGAIN)
    for path, expected, holds in SHAPE:
        if not holds(_at(config, path)):
            raise UserError(
                f"config.json does not say what a bundle's says: {path}", where=str(folder), expected=expected,
                found=repr(_at(config, path))[:80], fix=COPY_AGAIN,
            )  # fmt: skip
    digest = config.get("states_sha256")
    with told_as_damage(folder):
        states = join_arrays(config["states"], read_arrays(folder / STATES, None if digest is None else str(digest)))
    return {**config, "states": states}


@contextmanager
def told_as_damage(folder: Path) -> Iterator[None]:
    """Turn whatever reading a bundle's parts, or putting them together, raises into one UserError."""
    try:
        yield
    except UserError as error:
        found = " ".join(f"{error.where}: {error.what}".removeprefix(": ").split())
        fix = error.fix or COPY_AGAIN
        raise UserError("this bundle cannot be loaded", where=str(folder), found=found, fix=fix) from error
    except MISFIT as error:
        found = f"{type(error).__name__}: {error}".strip().splitlines()[0][:200]
        raise UserError(
            "this bundle cannot be loaded: its parts do not fit together", where=str(folder), found=found,
            fix=COPY_AGAIN,
        ) from error  # fmt: skip


def _at(config: Mapping[str, Any], path: str) -> Any:
    """Return what stands at a dotted path; None where nothing does."""
    value: Any = config
    for key in path.split("."):
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def _mapping_of(holds: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, Mapping) and all(map(holds, value.values()))


def _is(*kinds: type) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, kinds)


# What every bundle says, by its path in the config: a dotted path, what stands there, and whether a value is such.
SHAPE: tuple[tuple[str, str, Callable[[Any], bool]], ...] = (
    ("noria", "a version", _is(str)),
    ("task", "the name of a task", _is(str)),
    ("job", "a job", _is(Mapping)),
    ("job.model", "a section of a job", _is(Mapping)),
    ("fields", "a column, or a list of columns, for each field", _mapping_of(_is(str, list))),
    ("states.inputs", "a state for each input", _mapping_of(_is(Mapping))),
    ("states.target", "a state", _is(Mapping)),
    ("weights.count", "a number of weights", _is(int)),
    ("weights.sha256", "a digest", _is(str)),
    ("arrays", "type and shape of each array by field", _mapping_of(_mapping_of(_is(list)))),
    ("baseline", "numbers by name", _mapping_of(_is(list))),
)
