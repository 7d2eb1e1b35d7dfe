"""Some records of each shard as the model answers them, set beside its calibration split once all are answered.

Which ones, their places in the input say: a shard that is answered twice keeps the same. Read next: drift/assess.py.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from noria.batch.job import Job
from noria.batch.shards import FAST, Shard
from noria.database import Database
from noria.drift.assess import assess
from noria.drift.assessment import Assessment
from noria.errors import UserError
from noria.pipeline.bundle_config import read_config
from noria.pipeline.encoder import EncodedChunk
from noria.pipeline.observations import Observations, joined, observe
from noria.pipeline.predictor import Predictor
from noria.pipeline.reference import FILE, reference_in
from noria.store.digests import SEAL
from noria.types import Arrays, Prediction, rows_of

MOST_RECORDS = 2000  # of a batch, at equal distances: among more, differences are found that matter to nobody


def has_reference(predictor: Predictor) -> bool:
    """Say whether there is anything that records can be set beside."""
    return (predictor.bundle.path / FILE).exists()


@dataclass
class Seen:
    """What is kept of a shard's records: each `every`th of the input, `first_row` being the shard's first, from 1."""

    predictor: Predictor
    first_row: int
    every: int
    parts: list[Observations] = field(default_factory=list)

    @classmethod
    def of(cls, predictor: Predictor, job: Job, shard: Shard) -> Seen:
        """Return what is to see a shard of a job."""
        return cls(predictor, shard.first_row, -(-job.num_rows // MOST_RECORDS))

    def see(self, chunk: EncodedChunk, output: Arrays, given: Sequence[Prediction]) -> None:
        """Keep what is needed of the records that are wanted."""
        chosen = np.flatnonzero((chunk.kept + self.first_row - 1) % self.every == 0)
        if len(chosen):
            wheres = chunk.records.wheres()
            places, sure = [wheres[one] for one in chosen.tolist()], [given[one] for one in chosen.tolist()]
            self.parts.append(observe(self.predictor, rows_of(output, chosen), places, predictions=sure))

    def packed(self) -> bytes | None:
        """Return it as bytes; None where there is nothing."""
        from safetensors.numpy import save

        return zlib.compress(save(joined(self.parts).as_arrays()), FAST) if self.parts else None


def told(database: Database, job: Job) -> dict[str, Any]:
    """Return what the records of a job show, as `GET /watch/MODEL` tells it: records, assessment, note."""
    seen, found, note = list(_stored(database, job.id)), None, ""
    try:
        found = _assessed(job, seen)
    except UserError as error:
        note = str(error)
    except Exception as error:  # noqa: BLE001  # told with the batch, whose answers are written all the same
        note = f"the records could not be assessed: {error!r}"
    return {"records": sum(map(len, seen)), "assessment": None if found is None else found.as_json(), "note": note}


def _assessed(job: Job, seen: Sequence[Observations]) -> Assessment:
    run = Path(job.asked.run)
    folder = run / "bundle" if (run / "bundle").is_dir() else run
    config = read_config(folder)
    weights = config["weights"]["sha256"]
    if (config.get(SEAL) or weights) != job.asked.digest:
        raise UserError("the model has changed since the batch was submitted", where=str(folder))
    reference = reference_in(folder, weights)
    if not seen:
        raise UserError("no record was answered that could be looked at")
    return assess(reference, joined(seen))


def _stored(database: Database, job: str) -> Iterator[Observations]:
    from safetensors.numpy import load

    statement = "select seen from batch_seen where job = ? order by n"
    for (packed,) in database.transact(lambda to: to.run(statement, job), writes=False):
        yield Observations.of_arrays(load(zlib.decompress(bytes(packed))))
