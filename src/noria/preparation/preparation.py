"""One preparation: divide, learn from the training split only, encode, check, store.

Three readings of the source: one to divide it, one to sample what `fit` learns from, one to encode; a small source is
held in memory after the first. Unusable records are quarantined with place and reason. Knows no task.
Read next: division.py, data_checks.py, pipeline/encoder.py.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from noria.contract import Modality, Target, Task, answer_field, dispatch
from noria.contract.capabilities import SingleValued, declared
from noria.contract.source import Source
from noria.errors import UserError, did_you_mean
from noria.job import Job
from noria.pipeline.encoder import RecordEncoder
from noria.pipeline.fields import (
    complete_input,
    encode_field,
    fit_field,
    fit_input,
    group_column,
    joined,
    map_fields,
    select,
    values_of,
)
from noria.pipeline.warm_start import inherited, origin_states
from noria.preparation.cut_records import CutRecords
from noria.preparation.data_checks import Suspicions
from noria.preparation.division import TEST, TRAIN, VALIDATION, divide, missing_from_test
from noria.preparation.leaks import leaking_columns, sentences
from noria.preparation.samples import Samples
from noria.sources.core.named_file import named_files_stamp
from noria.store.array_store import GROUPS, SPLITS, StoreWriter, named_arrays
from noria.store.hashing import hash_values, share
from noria.types import Rejected, Rows, State, Values

HELD_BYTES = 512 * 2**20  # a source whose files are smaller than this is read once and held in memory
MANY_BAD = 0.3  # of all records: where so many are unusable, they are what is missing
LEAST_BAD = 10  # so many unusable records are always forgiven


class Preparation:
    """One preparation; holds what its steps share."""

    def __init__(self, job: Job, task: Task, source: Source) -> None:
        self.job, self.task, self.source, self.split = job, task, source, job.split
        self.answer = answer_field(task)
        besides = [column for column in (self.split.group, self.split.column) if column is not None]
        self.mapping = map_fields(source.columns, task, job.data.fields, needs_answer=True, besides=besides)
        self.bad: list[Rejected] = []
        self.notes: list[str] = []
        self.num_moved = 0  # records whose answers only they have
        self.named: list[str] = []
        self._held: list[Rows] | None = None
        self._cuts = CutRecords(task)
        self.group = group_column(task, self.split.group, self.mapping, source.columns, source.groups())
        for column in (self.split.group, self.split.column, *job.evaluate.slices):
            if column is not None and column not in source.columns:
                raise UserError(f"the data has no column {column!r}", fix=self._named_otherwise(column))

    def _named_otherwise(self, column: str) -> str:
        """Return how a column can come to be: of files without a table it may stand in their names."""
        mend = did_you_mean(column, self.source.columns)
        if "file" not in self.source.columns or self.job.data.names is not None or not column.isidentifier():
            return mend
        return f"{mend}; or, where the files' names say it: data.names='(?P<{column}>[^_/]+)_'"

    def run(self, path: Path) -> None:
        division = self._divide()
        try:
            division, states = self._fit(division)
        except UserError as error:
            raise self._because_of_unread(error) from error
        suspicions = Suspicions([name for name in self.task.inputs if name in self.mapping])
        with StoreWriter(path) as writer:
            samples = Samples(division == TRAIN)
            slices = self._encode(division, states, writer, suspicions, samples)
            splits = writer.close()
            counts = {split: len(dataset) for split, dataset in splits.items()}
            self._check(counts)
            leaks = sentences(leaking_columns(splits["train"], states, self.task.target))
            warnings = [
                *suspicions.notes(splits, self._advice(), looks_near=self.split.within is None),
                *leaks,
                *self._cuts.warnings(states),
            ]
            writer.publish(
                {
                    "states": states,
                    "report": {
                        **self._report(states, counts, slices, warnings),
                        "leaks": leaks,
                        "samples": samples.found,
                    },
                    "train_hashes": suspicions.train_hashes(),
                    "named": self.named,
                    "named_stamp": named_files_stamp(self.source.root, self.named),
                }
            )

    def _keys(self) -> Callable[[Rows], list[str | None]] | None:
        """Return what says of records which belong together, where the job asks an input for it."""
        if (way := self.split.by) is None:
            return None
        known = {one: name for name, modality in self.task.inputs.items() for one in dispatch.ways_to_group(modality)}
        if way not in known:
            raise UserError(
                f"no input says by what data.split.by={way} would keep records together",
                expected=" or ".join(known) if known else "nothing: no input of this task knows",
                fix="name a column: data.split.group=COLUMN",
            )
        field = known[way]
        return lambda rows: dispatch.group_keys(self.task.inputs[field], values_of(rows, self.mapping.get(field)), way)

    def _classes(self) -> Callable[[Rows], Values] | None:
        """Return what gives the class of each record, where each has one."""
        single = declared(self.task.target, SingleValued)
        if single is None or not self.task.target.has_closed_vocabulary:
            return None
        return lambda rows: values_of(rows, self.mapping[self.answer])

    def _advice(self) -> str:
        """Say how records that are of one thing are kept on one side; nothing where only the data can tell."""
        if (self.stated >= VALIDATION).any():
            return "the data itself divides them so, and its scores are then too good for new records"
        if self.split.group or not self.group:
            return ""
        return f"keep what is of one thing together with data.split.group={self.group}"

    def _report(
        self, states: dict[str, Any], counts: dict[str, int], slices: dict[str, list[str]], suspicious: list[str]
    ) -> dict[str, Any]:
        fields: dict[str, Modality | Target] = {**self.task.inputs, self.answer: self.task.target}
        of_field = {**states["inputs"], self.answer: states["target"]}
        remarks = [f"{name}: {one}" for name in fields for one in dispatch.remarks(fields[name], of_field[name])]
        read = {name: dispatch.reading(component, of_field[name]) for name, component in fields.items()}
        reasons = Counter(self._kind(one.reason) for one in self.bad)
        return {
            "source": str(self.source.path),
            "records": {split: counts[split] for split in SPLITS if split in counts},
            "parts": len(np.unique(self.hashes[self.stated < TEST])),
            "quarantined": len(self.bad),
            "reasons": dict(reasons.most_common(20)),
            "quarantine": [{"where": one.where, "reason": one.reason} for one in self.bad],
            "fields": self.mapping,
            "slices": slices,
            "readings": {
                name: {**panel.data, "title": panel.title, "note": panel.note} for name, panel in read.items() if panel
            },
            "notes": [*self.source.notes(), *self.notes, *remarks],
            "warnings": suspicious,
        }

    def _kind(self, reason: str) -> str:
        """Return what records with a like reason are counted under: its first words, after the name of the field."""
        field = next((f"{name}: " for name in self.task.inputs if reason.startswith(f"{name}: ")), "")
        return field + reason.removeprefix(field).split(":")[0][:80]

    def _chunks(self) -> Iterator[Rows]:
        if self._held is not None:
            yield from self._held
            return
        yield from self.source.rows()

    def _divide(self) -> np.ndarray:
        """Return int8[n], the side of every record; a small source is held in memory from here on."""
        if _size_bytes(self.source) <= HELD_BYTES:
            self._held = list(self._chunks())
        filled = [name for name in self.task.inputs if name in self.mapping] or [self.answer]
        fields = [self.mapping[name] for name in filled]
        where = str(self.source.path)
        found = divide(self._chunks(), self.split, fields, where, self.source.groups(), self._keys(), self._classes())
        self.stated, self.hashes = found.stated, found.hashes
        self.notes += found.notes
        if (count := self.job.evaluate.folds) is not None:
            without = "" if (self.stated == TEST).any() else "; this model has no test of its own (data.split.test)"
            self.notes.append(f"in {count} more trainings every record is held out once (evaluate.folds){without}")
        return found.sides

    def _fit(self, division: np.ndarray) -> tuple[np.ndarray, dict[str, Any]]:
        """Learn states from training records. A class that only held-out records of ours have moves to training."""
        target = self.task.target
        answers = joined([values_of(rows, self.mapping[self.answer]) for rows in self._chunks()])
        ours = np.flatnonzero((division != TRAIN) & (self.stated < VALIDATION))
        unseen = self._unseen(answers, division, ours) if target.has_closed_vocabulary else ours[:0]
        if len(unseen):
            moved = ours[np.isin(self.hashes[ours], self.hashes[unseen])]  # with what must stand on the same side
            division[moved] = TRAIN
            self.num_moved = len(moved)
            self.notes.append(f"{len(moved)} held-out records moved to training: their answers stood nowhere else")
        moved = self._missing_from_test(answers, division)
        if len(moved):
            division[moved] = TEST
            self.notes.append(f"{len(moved)} training records moved to test, which had none of their classes")
        origin = origin_states(self.job)
        inputs = self._fit_inputs(self._samples(division), origin)
        if self.answer in self.task.shared_vocabulary:
            state = dispatch.warm_start(target, inputs[self.task.shared_vocabulary[0]])
        else:
            state = inherited(target, origin)
        known = select(answers, np.flatnonzero(division == TRAIN))
        if state is None:
            state = fit_field(target, known, self.source.root)
        state = dispatch.complete_state(target, state, known)
        trunk = {"trunk": origin["trunk"]} if "trunk" in origin else {}
        return division, {"inputs": inputs, "target": state, **trunk}

    def _missing_from_test(self, answers: Values, division: np.ndarray) -> np.ndarray:
        """Return which training records test needs so that it has each class, where each record stands for itself."""
        split, target, root = self.split, self.task.target, self.source.root
        is_grouped = bool(split.group or split.block or split.by)
        is_random = not (is_grouped or split.order or split.fold or (self.stated == TEST).any())
        none = np.zeros(0, np.int64)
        if not is_random or not split.test or not target.has_closed_vocabulary:
            return none
        try:
            state = fit_field(target, select(answers, np.flatnonzero(division == TRAIN)), root)
        except UserError:
            return none  # it is told where the state is learnt
        tested, classes = np.flatnonzero(division == TEST), dispatch.class_names(target, state)
        if classes is None or len(np.unique(self._codes(answers, tested, state)[tested])) == len(classes):
            return none
        codes = self._codes(answers, np.arange(len(division)), state)
        return missing_from_test(codes, division, self.hashes, split)

    def _codes(self, answers: Values, places: np.ndarray, state: State) -> np.ndarray:
        """Return int[n], the class of each record at these places, -1 for the others and where there is none."""
        encoded = encode_field(self.task.target, select(answers, places), state, self.source.root)
        found = dispatch.single_values(self.task.target, encoded.arrays)
        codes = np.full(len(self.hashes), -1, np.int64)
        if found is not None:
            codes[places] = found
            codes[places[list(encoded.bad)]] = -1
        return codes

    def _fit_inputs(self, samples: dict[str, Values], origin: dict[str, Any]) -> dict[str, Any]:
        """Learn each input's state, or take over that of the model training starts from; shared ones once for all."""
        shared = self.task.shared_vocabulary
        states: dict[str, Any] = {}
        for name, modality in self.task.inputs.items():
            state = inherited(modality, origin)
            if state is not None:
                state = complete_input(modality, state, samples[name], self.source.root)
            if state is None and name in shared and shared[0] in states:
                state = states[shared[0]]
            if state is None:
                values = joined([samples[one] for one in shared]) if name in shared else samples[name]
                state = fit_input(modality, values, self.source.root)
            states[name] = state
        return states

    def _unseen(self, answers: Values, division: np.ndarray, ours: np.ndarray) -> np.ndarray:
        """Return which of our held-out records have answers that training does not know."""
        target, root = self.task.target, self.source.root
        known = select(answers, np.flatnonzero(division == TRAIN))
        try:
            state = fit_field(target, known, root)
        except UserError:  # one class only: the others are all held out
            return ours[~np.isin(hash_values(select(answers, ours)), hash_values(known))] if len(ours) else ours
        unknown = ours[list(encode_field(target, select(answers, ours), state, root).bad)]
        if not len(unknown):
            return unknown
        # Nothing is learnt from this state: it only tells an answer that is missing from one that is new.
        missing = encode_field(target, select(answers, unknown), fit_field(target, answers, root), root).bad
        return np.delete(unknown, list(missing))

    def _samples(self, division: np.ndarray) -> dict[str, Any]:
        """Draw, by hash and so in any order of reading, the training records that each input's `fit` sees."""
        is_train = division == TRAIN
        luck = share(hash_values(self.hashes[:, None], seed=1))
        fit_records = {name: modality.num_fit_records for name, modality in self.task.inputs.items()}
        if self.answer in self.task.shared_vocabulary:
            fit_records[self.answer] = fit_records[self.task.shared_vocabulary[0]]
        shares = {name: most / max(1, is_train.sum()) for name, most in fit_records.items()}
        parts: dict[str, list[Any]] = {name: [] for name in fit_records}
        for start, rows in self._numbered():
            here = slice(start, start + len(rows))
            for name, share_fitted in shares.items():
                chosen = np.flatnonzero(is_train[here] & (luck[here] < share_fitted))
                parts[name].append(select(values_of(rows, self.mapping.get(name)), chosen))
        return {name: joined(values) for name, values in parts.items()}

    def _encode(
        self,
        division: np.ndarray,
        states: dict[str, Any],
        writer: StoreWriter,
        suspicions: Suspicions,
        samples: Samples,
    ) -> dict[str, list[str]]:
        """Encode every chunk into the store; return the names of the slices' values by column."""
        slices, is_in_blocks = self.job.evaluate.slices, self.split.block is not None
        encoder = RecordEncoder(self.task, states, self.mapping, self.source.root, slices, self.group)
        for start, rows in self._numbered():
            chunk = encoder.chunk(rows)
            self._note_named(rows)
            self.bad += chunk.rejected
            self._cuts.see(chunk)
            arrays, places = named_arrays(chunk.records), division[start + chunk.kept]
            if is_in_blocks:  # those of one block have one hash
                arrays[GROUPS] = self.hashes[start + chunk.kept]
            rows_trained = chunk.kept[places == TRAIN]
            answers = {} if chunk.answers is None else {self.answer: chunk.answers}
            samples.see(start + rows_trained, rows_trained, {**chunk.values, **answers})
            for code, split in enumerate(SPLITS):
                chosen = np.flatnonzero(places == code)
                if len(chosen):
                    of_split = {name: values[chosen] for name, values in arrays.items()}
                    suspicions.see(split, of_split)
                    wheres = chunk.records.wheres()
                    writer.append(split, of_split, [wheres[i] for i in chosen])
        return encoder.slice_names

    def _note_named(self, rows: Rows) -> None:
        """Remember the files that cells name: the stored data holds only while they stay as they are."""
        components: dict[str, Modality | Target] = {**self.task.inputs, self.answer: self.task.target}
        for name, component in components.items():
            if component.raw_type == "file" and isinstance(self.mapping.get(name), str):  # columns hold no names
                values = values_of(rows, self.mapping[name])
                self.named += [value for value in values if isinstance(value, str)]

    def _because_of_unread(self, error: UserError) -> UserError:
        """Return an error of `fit` with the records that could not even be read: they may be what it misses."""
        unread = [one for rows in self._chunks() for one in rows.bad]
        return error.with_found(f"{len(unread)} records could not be read, first {_first(unread)}") if unread else error

    def _numbered(self) -> Iterator[tuple[int, Rows]]:
        start = 0
        for rows in self._chunks():
            yield start, rows
            start += len(rows)

    def _check(self, counts: dict[str, int]) -> None:
        total = sum(counts.values()) + len(self.bad)
        forgiven = max(LEAST_BAD, self.job.data.max_bad * total)
        share_bad = math.ceil(100 * len(self.bad) / total) / 100 if total else 1.0
        if len(self.bad) > forgiven:
            raise UserError(
                f"{len(self.bad)} records cannot be used, more than data.max_bad allows ({forgiven:.0f})",
                where=str(self.source.path),
                found="; ".join(f"{one.where}: {one.reason}" for one in self.bad[:5]),
                fix=f"mend the records, or allow so many with data.max_bad={share_bad:g}",
            )
        fold = self.split.fold
        advice = "or take fewer evaluate.folds" if fold else "or a larger share: data.split.test=0.3"
        for split, is_asked in (("train", True), ("test", fold is not None or self.split.test > 0)):
            if counts.get(split, 0) == 0 and is_asked:
                found, fix = self._why_empty(counts, advice)
                name = f"no usable record is left for {split}" + (f" in fold {fold}" if fold else "")
                raise UserError(name, where=str(self.source.path), found=found, fix=fix)

    def _why_empty(self, counts: dict[str, int], advice: str) -> tuple[str, str]:
        """Return what left a split without records, and what to do."""
        if self.bad:
            total = sum(counts.values()) + len(self.bad)
            if len(self.bad) >= MANY_BAD * total:
                return _first(self.bad), f"mend what {len(self.bad)} of {total} records have: see the reason above"
            return _first(self.bad), f"give more records, {advice}"
        if self.num_moved:
            kept = f"{self.num_moved} held-out records moved to training: their answers stood nowhere else"
            return kept, f"most answers must stand in several records: is {self.mapping[self.answer]!r} the answer?"
        return f"{sum(counts.values())} records, {self._distinct()} of them different", f"give more records, {advice}"

    def _distinct(self) -> int:
        return len(np.unique(self.hashes))


def _size_bytes(source: Source) -> int:
    return sum(file.stat().st_size for file in source.files())


def _first(bad: list[Rejected]) -> str:
    return f"{bad[0].where}: {bad[0].reason}" if bad else ""
