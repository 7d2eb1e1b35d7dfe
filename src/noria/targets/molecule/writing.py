"""Write molecules: one for each record of a batch, or as many as are asked for that are worth having.

Of what the network writes `stream` gives on only what is a molecule, new, as it was asked for, and not given already;
the last piece says how many were left out and why. Read next: model/generation/generate.py.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias
from zlib import crc32

import numpy as np
import torch
from torch import Tensor

from noria.contract.capabilities import IDS
from noria.errors import UserError, did_you_mean, raise_unmet
from noria.modalities.molecule.properties import NAMES, properties_of
from noria.modalities.molecule.reading import Limits, canonical_smiles
from noria.modalities.wishes.modality import FAR, RANGES
from noria.modalities.wishes.reading import LIKE
from noria.model.generation.generate import generate
from noria.model.generation.sampling import Sampling, settings_schema
from noria.targets.molecule.grammar import SmilesRules
from noria.targets.molecule.judging import is_known, parsed
from noria.targets.molecule.smiles import SmilesTokens
from noria.types import PAD, Batch, Chunk, Ragged, State

if TYPE_CHECKING:
    from torch import nn

Inputs: TypeAlias = "dict[str, dict[str, Tensor]]"

AT_FIRST, AT_ONCE = 16, 256  # molecules that are written at once
MOST = 100_000  # molecules of one request
SET_BY_REQUEST = ("temperature", "top_k", "top_p", "min_p", "seed")  # of what Sampling has
FURTHER = 2**32  # between the seeds of two tries: more than seeds of records differ by
LEAST_TRIES, TRIES = 2_000, 50  # written at most for a request, and for each that is asked for


class Writer(Protocol):
    """The settings of a target that molecules are written by."""

    @property
    def max_tokens(self) -> int: ...
    @property
    def temperature(self) -> float: ...
    @property
    def top_p(self) -> float: ...
    @property
    def min_p(self) -> float: ...
    @property
    def tries(self) -> int: ...
    @property
    def seed(self) -> int: ...
    @property
    def wishes(self) -> str: ...
    @property
    def limits(self) -> Limits: ...


@dataclass(frozen=True)
class Request:
    """How many molecules, and how they are drawn."""

    count: int
    sampling: Sampling


def schema(most_tokens: int) -> dict[str, Any]:
    """Return the JSON schema of what a request may set."""
    known = settings_schema(most_tokens)["properties"]
    count = {"type": "integer", "minimum": 1, "maximum": MOST, "description": "how many molecules"}
    properties = {"count": count, **{name: known[name] for name in SET_BY_REQUEST}}
    return {"type": "object", "properties": properties, "additionalProperties": False}


def sampling_of(writer: Writer) -> Sampling:
    """Return how molecules are drawn as the target's own settings say."""
    return Sampling(writer.max_tokens, writer.temperature, top_p=writer.top_p, min_p=writer.min_p, seed=writer.seed)


def requested(writer: Writer, settings: Mapping[str, Any]) -> Request:
    """Return what a request sets over the target's own settings; raise UserError for what it cannot set."""
    known = ("count", *SET_BY_REQUEST)
    for name, value in settings.items():
        if name in (*NAMES, LIKE):
            raise UserError(
                "what a molecule should be like is the prompt, not a setting",
                where=name,
                found=f"{name}={value}",
                fix=f'put it into quotes, without the sign: "{name} {value}"',
            )
        if name not in known:
            raise UserError(f"there is no setting {name!r}", fix=did_you_mean(name, known))
    count = settings.get("count", 1)
    is_whole = isinstance(count, int) and not isinstance(count, bool) and 1 <= count <= MOST
    raise_unmet("new molecules", {"count": (is_whole, f"a whole number, 1 to {MOST:,}", count)})
    others = {name: value for name, value in settings.items() if name in SET_BY_REQUEST}
    return Request(count, sampling_of(writer).overridden(others))


def seeds_of(batch: Batch, seed: int) -> list[int]:
    """Return a seed for each record, by its own molecule where that is known: alone and in any batch the same."""
    if IDS not in batch.target:
        return [seed] * batch.size
    rows = batch.target[IDS].cpu().numpy()
    return [seed + crc32(row[row != PAD].astype(np.int32).tobytes()) for row in rows]


def written(
    model: nn.Module, inputs: Inputs, state: State, sampling: Sampling, seeds: Sequence[int]
) -> list[list[int]]:
    """Return the ids of one molecule for each record."""
    speaker: Any = model
    tokens, rules = SmilesTokens(state["tokens"]), SmilesRules(state["tokens"], len(seeds))
    given = generate(speaker, inputs, sampling, tokens, seeds, with_texts=False, rules=rules)
    is_whole = [ended == "end" for ended in given.ended]  # one that is cut off is none
    return [ids if whole else [] for ids, whole in zip(given.ids, is_whole, strict=True)]


def written_for(
    writer: Writer, model: nn.Module, inputs: Inputs, state: State, seeds: Sequence[int], tries: int = 1
) -> Tensor:
    """Write one molecule for each record, and again, `tries` times in all, where it is not worth having for its wish.

    Returns int[B, T], PAD after the end, on the CPU. The last one stays where none is.
    """
    asked, sampling, tokens = inputs[writer.wishes], sampling_of(writer), SmilesTokens(state["tokens"])
    wanted, asks = asked[RANGES].float().cpu().numpy(), is_asked(asked).tolist()
    rows: list[list[int]] = [[] for _ in seeds]
    missed = list(range(len(seeds)))
    for number in range(tries):
        if number:
            judged = (_judged(tokens.text(rows[row]), wanted[row], state, writer.limits, set()) for row in missed)
            missed = [row for row, (_, reason) in zip(missed, judged, strict=True) if reason and asks[row]]
        if not missed:
            break
        own = rows_of(inputs, torch.tensor(missed, device=asked[RANGES].device))
        further = [seeds[row] + number * FURTHER for row in missed]
        for row, ids in zip(missed, written(model, own, state, sampling, further), strict=True):
            rows[row] = ids
    return torch.from_numpy(Ragged.of(rows, np.int64).padded())


def is_asked(wishes: Mapping[str, Tensor]) -> Tensor:
    """Return bool[B]: which records ask for anything."""
    return (wishes[RANGES].abs() < FAR).flatten(1).any(1) | (wishes[LIKE] != PAD).any(1)


def rows_of(inputs: Inputs, rows: Tensor | slice) -> Inputs:
    """Return the inputs of some records."""
    return {field: {name: one[rows] for name, one in arrays.items()} for field, arrays in inputs.items()}


def stream(writer: Writer, model: nn.Module, batch: Batch, state: State, request: Request) -> Iterator[Chunk]:
    """Yield the molecules for each record of a batch, a line each; the last piece of a record has `note`.

    The same seed and wish give the same molecules, in the same order, however many are asked for.
    """
    for row in range(batch.size):
        wanted = batch.inputs[writer.wishes][RANGES][row].float().cpu().numpy()
        found, drawn, left_out = set[str](), 0, Counter[str]()
        for texts in _batches(model, rows_of(batch.inputs, slice(row, row + 1)), state, request):
            for text in texts:
                drawn += 1
                smiles, reason = _judged(text, wanted, state, writer.limits, found)
                if reason:
                    left_out[reason] += 1
                    continue
                found.add(smiles)
                yield Chunk(f"{smiles}\n", row=row)
                if len(found) == request.count:
                    break
            if len(found) == request.count:
                break
            yield Chunk("", row=row)  # so that a server answers others in between
        yield _last(len(found), drawn, left_out, request, row)


def _last(count: int, drawn: int, left_out: Counter[str], request: Request, row: int) -> Chunk:
    """Return the last piece of a record; raise UserError where nothing was found."""
    reasons = ", ".join(f"{number:,} {reason}" for reason, number in left_out.most_common())
    if not count:
        raise UserError(
            f"none of {drawn:,} molecules that were written can be given",
            found=reasons,
            fix="ask for wider ranges, or train longer or on more molecules",
        )
    others = f"; of the others {reasons}" if reasons else ""
    note = f"{count:,} molecules of {drawn:,} that were written{others}"
    return Chunk("", "end" if count == request.count else "length", row=row, note=note)


def _batches(model: nn.Module, inputs: Inputs, state: State, request: Request) -> Iterator[list[str]]:
    """Yield what the network writes for the only record, many at once, up to the most that is tried."""
    most = max(LEAST_TRIES, TRIES * request.count)
    seeds = np.random.SeedSequence(request.sampling.seed).generate_state(most).tolist()
    tokens = SmilesTokens(state["tokens"])
    drawn = 0
    while drawn < most:
        some = seeds[drawn : drawn + min(AT_ONCE, max(AT_FIRST, 2 * request.count, drawn))]
        many = {
            field: {name: one.repeat_interleave(len(some), 0) for name, one in arrays.items()}
            for field, arrays in inputs.items()
        }
        with torch.inference_mode():
            ids = written(model, many, state, request.sampling, some)
        yield [tokens.text(one) for one in ids]
        drawn += len(some)


def _judged(text: str, wanted: np.ndarray, state: State, limits: Limits, found: set[str]) -> tuple[str, str]:
    """Return the canonical SMILES of what was written, and why it is left out, "" where it is not."""
    molecule = parsed(text, limits)
    if molecule is None:
        return "", "are no molecules"
    smiles = canonical_smiles(molecule)
    if smiles in found:
        return smiles, "came twice"
    if is_known([smiles], state["known"])[0]:
        return smiles, "are of training"
    if (np.abs(wanted) < 1e8).any():
        values = properties_of(molecule)
        if not ((values >= wanted[:, 0]) & (values <= wanted[:, 1])).all():
            return smiles, "are not as asked for"
    return smiles, ""
