"""Some records of each shard as the model answers them, set beside its calibration split once all are answered.

Which ones, their places in the input say: a shard that is answered twice keeps the same. Read next: drift/assess.py.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
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
from noria.units import count_of

MOST_RECORDS = 2000  # of a batch, at equal distances: among more, differences are found that matter to nobody


def has_reference(predictor: Predictor) -> bool:
    """Say whether there is anything that records can be set beside."""
    return (predictor.bundle.path / FILE).exists()


@dataclass
class Seen:
    """What is kept of a shard's records: each `every`th of the input, `first_row` being the shard's first, from 1.

    failure: why it is no more. The answers do not depend on it.
    """

    predictor: Predictor
    first_row: int
    every: int
    parts: list[Observations] = field(default_factory=list)
    failure: str = ""

    @classmethod
    def of(cls, predictor: Predictor, job: Job, shard: Shard) -> Seen:
        """Return what is to see a shard of a job."""
        return cls(predictor, shard.first_row, -(-job.num_rows // MOST_RECORDS))

    def see(self, chunk: EncodedChunk, output: Arrays, given: Sequence[Prediction]) -> None:
        """Keep what is needed of the records that are wanted; note what keeps it from that."""
        try:
            self._keep(chunk, output, given)
        except Exception as error:  # noqa: BLE001  # the shard is answered all the same
            self.failure = f"{type(error).__name__}: {error}"

    def _keep(self, chunk: EncodedChunk, output: Arrays, given: Sequence[Prediction]) -> None:
        chosen = np.flatnonzero((chunk.kept + self.first_row - 1) % self.every == 0)
        if len(chosen):
            wheres = chunk.records.wheres()
            places, sure = [wheres[one] for one in chosen.tolist()], [given[one] for one in chosen.tolist()]
            self.parts.append(observe(self.predictor, rows_of(output, chosen), places, predictions=sure))

    def packed(self) -> tuple[bytes, str] | None:
        """Return it as bytes, with the failure; None where there is neither."""
        from safetensors.numpy import save

        content = b""
        try:
            content = zlib.compress(save(joined(self.parts).as_arrays()), FAST) if self.parts else b""
        except Exception as error:  # noqa: BLE001  # as above
            self.failure = f"{type(error).__name__}: {error}"
        return (content, self.failure) if content or self.failure else None


def told(database: Database, job: Job) -> dict[str, Any]:
    """Return what the records of a job show, as `GET /watch/MODEL` tells it: records, assessment, note."""
    rows = _stored(database, job.id)
    failures = [failure for _, failure in rows if failure]
    notes = [f"records of {count_of(len(failures), 'shard')} were not looked at: {failures[0]}"] if failures else []
    seen: list[Observations] = []
    found = None
    try:
        seen = [_unpacked(content) for content, _ in rows if content]
        found = _assessed(job, seen) if seen or not failures else None
    except UserError as error:
        notes.append(str(error))
    except Exception as error:  # noqa: BLE001  # told with the batch, whose answers are written all the same
        notes.append(f"the records could not be assessed: {error!r}")
    assessment = None if found is None else found.as_json()
    return {"records": sum(map(len, seen)), "assessment": assessment, "note": "; ".join(notes)}


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


def _stored(database: Database, job: str) -> list[tuple[bytes, str]]:
    statement = "select seen, failure from batch_seen where job = ? order by n"
    rows = database.transact(lambda to: to.run(statement, job), writes=False)
    return [(bytes(content), failure) for content, failure in rows]


def _unpacked(content: bytes) -> Observations:
    from safetensors.numpy import load

    return Observations.of_arrays(load(zlib.decompress(content)))
