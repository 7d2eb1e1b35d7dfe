"""The golden set: labelled records that no candidate learns from, frozen when the wheel first trains.

They stand at some places of the training data, or are a file of their own; a hash of what they hold shows whether they
are still the same.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from noria.contract import answer_field
from noria.contract.source import Source
from noria.errors import UserError
from noria.pipeline.bundle import Bundle
from noria.pipeline.other_data import mapping_of, open_other
from noria.preparation.division import content_hashes
from noria.sources.core.picked import Picked
from noria.store.disk import write_json
from noria.store.run_folder import read_json

FILE = "golden.json"


@dataclass(frozen=True)
class Golden:
    """The records at `places` of the training data, or all of the file `path`. digest: of what they hold."""

    path: str | None
    places: Collection[str]
    digest: str

    def records(self, training: Source, bundle: Bundle) -> Source:
        """Return the records; raise UserError where they are no longer what they were."""
        source = _source(self.path, self.places, training, bundle)
        if _digest(source, bundle) != self.digest:
            raise UserError(
                "the golden set is not what it was when it was frozen",
                where=self.path or str(training.path),
                fix=f"bring the old records back; or begin with another golden set: remove the wheel's {FILE}",
            )
        return source


def frozen(folder: Path, path: str | None, places: Collection[str], training: Source, bundle: Bundle) -> Golden:
    """Return the golden set of a wheel; the first time, freeze the file at `path`, or the records at some places."""
    if (folder / FILE).is_file():
        content = read_json(folder / FILE)
        if path is not None and str(Path(path).expanduser().resolve()) != content["path"]:
            raise UserError(
                "this wheel has another golden set already",
                where=str(folder / FILE),
                expected=content["path"] or "test records of the first training",
                found=path,
                fix="leave wheel.golden as it was; or begin with another golden set: remove that file",
            )
        return Golden(content["path"], frozenset(content["places"]), content["digest"])
    if path is None and not places:
        fix = "name labelled records: wheel.golden=FILE"
        raise UserError("the first training held no test records out to be the golden set", where=str(folder), fix=fix)
    places = [] if path is not None else sorted(places)
    path = None if path is None else str(Path(path).expanduser().resolve())
    digest = _digest(_source(path, places, training, bundle), bundle)
    write_json(folder / FILE, {"path": path, "places": places, "digest": digest})
    return Golden(path, frozenset(places), digest)


def input_hashes(golden: Golden, training: Source, bundle: Bundle) -> np.ndarray:
    """Return a hash of the inputs of each golden record, uint64[n]."""
    source = golden.records(training, bundle)
    mapping = mapping_of(bundle, source)
    fields = [mapping[name] for name in mapping if name != answer_field(bundle.task)]
    seed = bundle.job.data.split.seed
    return np.concatenate([content_hashes(rows, fields, seed) for rows in source.rows()])


def _source(path: str | None, places: Collection[str], training: Source, bundle: Bundle) -> Source:
    return Picked(training, places) if path is None else open_other(bundle, Path(path), needs_answer=True)[0]


def _digest(source: Source, bundle: Bundle) -> str:
    fields = list(mapping_of(bundle, source, needs_answer=True).values())
    total = sum(int(one) for rows in source.rows() for one in content_hashes(rows, fields))
    return f"{total:x}"  # whatever their order
