"""What is too long to be read whole: how many records, how much of them, and which true answers lie beyond.

Read next: contract/capabilities.py (Truncates, AnswersInInput).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from noria.contract import Modality, Target, Task, answer_field, dispatch
from noria.contract.checkpoints import loader_of_trunk
from noria.pipeline.encoder import EncodedChunk

MOST_OF = 0.95  # of the records that are cut: a larger limit is advised for so many, and not for the longest of all


class CutRecords:
    """Counts the records that are cut while they are encoded; then says what that means."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self._cut: dict[str, list[tuple[int, int]]] = {}
        self._count = 0
        self._unread = np.zeros(2, np.int64)

    def see(self, chunk: EncodedChunk) -> None:
        """Take a chunk of encoded records, those that can be used."""
        self._count += len(chunk)
        kept = set(chunk.kept.tolist())
        for name, cut in chunk.cut.items():
            self._cut.setdefault(name, []).extend(one for index, one in cut.items() if index in kept)
        if chunk.records.target:
            found = dispatch.unread(self._task.target, chunk.records.target, chunk.records.inputs)
            self._unread += 0 if found is None else found.sum(0)

    def watch(self, chunks: Iterable[EncodedChunk]) -> Iterator[EncodedChunk]:
        """Yield chunks that are seen as they pass."""
        for chunk in chunks:
            self.see(chunk)
            yield chunk

    def sentences(self) -> list[str]:
        """Return for each field that is cut how many records are, and how much of them."""
        return [f"{name}: {self._sentence(counts, limit)}" for name, counts, limit in self._counted()]

    def warnings(self, states: Mapping[str, Any]) -> list[str]:
        """Return a sentence for each field that is cut, and one on answers that lie beyond."""
        answer = answer_field(self._task)
        found = []
        for name, counts, limit in self._counted():
            key = f"target.{limit[0]}" if name == answer else f"inputs.{name}.{limit[0]}"
            found.append(f"{name}: {self._sentence(counts, limit)}; {_advice(key, limit[1], counts, states)}")
        lost, total = (int(one) for one in self._unread)
        if lost:
            found.append(f"{answer}: {lost:,} of {total:,} true answers lie beyond what is read and are never found")
        return found

    def _counted(self) -> Iterator[tuple[str, np.ndarray, tuple[str, int]]]:
        """Yield the fields that are cut, how much of each record is read and how much there is, and the limit."""
        components: dict[str, Modality | Target] = {**self._task.inputs, answer_field(self._task): self._task.target}
        for name, cut in self._cut.items():
            if cut and (limit := dispatch.most_read(components[name])):
                yield name, np.array(cut), limit

    def _sentence(self, cut: np.ndarray, limit: tuple[str, int]) -> str:
        read, whole = cut.sum(0)
        return (
            f"{len(cut):,} of {self._count:,} records are longer than {limit[0]} ({limit[1]:,}), and "
            f"{1 - read / whole:.0%} of them is not read"
        )


def _advice(key: str, limit: int, cut: np.ndarray, states: Mapping[str, Any]) -> str:
    """Return the setting that reads most of them whole, or what to do where the model cannot."""
    loader = loader_of_trunk(states)
    reach = loader.most_tokens(states["trunk"]) if loader else None
    needed = cut[:, 1] + limit - int(cut[0, 0])  # with special tokens
    wanted = 1 << (int(np.quantile(needed, MOST_OF, method="higher")) - 1).bit_length()
    if reach is not None and limit <= reach < wanted:
        wanted = reach
    if wanted <= limit:
        return f"the checkpoint reads no more than {limit:,} tokens at once: cut these records into parts"
    return f"{key}={wanted} reads {int((needed <= wanted).sum()):,} of them whole"
