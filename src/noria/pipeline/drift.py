"""New data beside the training data: what of it the model has never seen. Knows no task and no modality.

Read next: contract/capabilities.py (DetectsDrift), stages/evaluate.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from noria.contract import Task, dispatch
from noria.pipeline.encoder import EncodedChunk
from noria.pipeline.fields import select


class Drift:
    """Sees encoded records go by; then says what is unlike the training data, a sentence each."""

    def __init__(self, task: Task, states: Mapping[str, Any]) -> None:
        meters = {name: dispatch.drift_meter(one, states["inputs"][name]) for name, one in task.inputs.items()}
        self._meters = {name: meter for name, meter in meters.items() if meter is not None}

    def watch(self, chunks: Iterable[EncodedChunk]) -> Iterator[EncodedChunk]:
        """Yield the chunks as they are, and look at each."""
        for chunk in chunks:
            self.see(chunk)
            yield chunk

    def see(self, chunk: EncodedChunk) -> None:
        for name, meter in self._meters.items():
            if len(chunk):
                meter.see(select(chunk.values[name], chunk.kept), chunk.records.inputs[name])

    def sentences(self) -> list[str]:
        return [sentence for meter in self._meters.values() for sentence in meter.sentences()]
