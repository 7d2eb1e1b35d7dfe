"""Write molecules: one for each record of a batch, or as many as are asked for that are worth having.

Of what the network writes `stream` gives on only what is a molecule, new, as it was asked for, and not given already;
the last piece says how many were left out and why. Read next: model/generation/generate.py.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol
from zlib import crc32

import numpy as np
import torch
from torch import Tensor

from noria.contract.capabilities import IDS
from noria.errors import UserError, did_you_mean, raise_unmet
from noria.modalities.molecule.properties import NAMES, properties_of
from noria.modalities.molecule.reading import Limits, canonical_smiles
from noria.modalities.wishes.modality import RANGES
from noria.modalities.wishes.reading import LIKE
from noria.model.generation.generate import generate
from noria.model.generation.sampling import Sampling
from noria.targets.molecule.judging import is_known, parsed
from noria.targets.molecule.smiles import SmilesTokens
from noria.types import PAD, Batch, Chunk, Ragged, State

if TYPE_CHECKING:
    from torch import nn

AT_ONCE = 256  # molecules that are written at once
MOST = 100_000  # molecules of one request
TRIES = 50  # drawn for each that is asked for, before a wish is said to be too hard


class Writer(Protocol):
    """The settings of a target that molecules are written by."""

    @property
    def max_tokens(self) -> int: ...
    @property
    def temperature(self) -> float: ...
    @property
    def top_p(self) -> float: ...
    @property
    def seed(self) -> int: ...
    @property
    def wishes(self) -> str: ...
    @property
    def limits(self) -> Limits: ...


@dataclass(frozen=True)
class Request:
    """What one request may set: how many molecules, and how they are drawn; None leaves it to the target."""

    count: int = 1
    seed: int | None = None
    temperature: float | None = None
    top_p: float | None = None


def schema() -> dict[str, Any]:
    """Return the JSON schema of a request."""
    properties = {
        "count": {"type": "integer", "minimum": 1, "maximum": MOST, "description": "how many molecules"},
        "seed": {"type": "integer", "minimum": 0, "maximum": 2**32 - 1},
        "temperature": {"type": "number", "exclusiveMinimum": 0, "maximum": 10},
        "top_p": {"type": "number", "exclusiveMinimum": 0, "maximum": 1},
    }
    return {"type": "object", "properties": properties, "additionalProperties": False}


def requested(settings: Mapping[str, Any]) -> Request:
    """Return the settings of a request; raise UserError for what it cannot set."""
    known = list(schema()["properties"])
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
    kinds: dict[str, Any] = {"count": int, "seed": int, "temperature": int | float, "top_p": int | float}
    given = {name: (isinstance(value, kinds[name]), value) for name, value in settings.items()}
    raise_unmet("new molecules", {name: (is_so, "a number", value) for name, (is_so, value) in given.items()})
    rules = {
        "count": (1 <= settings.get("count", 1) <= MOST, f"1 to {MOST:,}", settings.get("count")),
        "seed": (0 <= settings.get("seed", 0) < 2**32, "0 to 2^32 - 1", settings.get("seed")),
        "temperature": (0 < settings.get("temperature", 1) <= 10, "above 0, at most 10", settings.get("temperature")),
        "top_p": (0 < settings.get("top_p", 1) <= 1, "above 0, at most 1", settings.get("top_p")),
    }
    raise_unmet("new molecules", rules)
    return Request(**settings)


def seeds_of(batch: Batch, seed: int) -> list[int]:
    """Return a seed for each record, by its own molecule where that is known: alone and in any batch the same."""
    if IDS not in batch.target:
        return [seed] * batch.size
    rows = batch.target[IDS].cpu().numpy()
    return [seed + crc32(row[row != PAD].astype(np.int32).tobytes()) for row in rows]


def written(
    writer: Writer, model: nn.Module, inputs: Any, state: State, seeds: Sequence[int], sampling: Sampling | None = None
) -> Tensor:
    """Return the ids of one molecule for each record, int[B, T], PAD after its end."""
    speaker: Any = model
    sampling = sampling or Sampling(writer.max_tokens, writer.temperature, top_p=writer.top_p)
    given = generate(speaker, inputs, sampling, SmilesTokens(state["tokens"]), seeds, with_texts=False)
    is_whole = [ended == "end" for ended in given.ended]  # one that is cut off is none
    rows = [ids if whole else [] for ids, whole in zip(given.ids, is_whole, strict=True)]
    return torch.from_numpy(Ragged.of(rows, np.int64).padded()).to(next(model.parameters()).device)


def stream(writer: Writer, model: nn.Module, batch: Batch, state: State, request: Request) -> Iterator[Chunk]:
    """Yield the molecules for each record of a batch, a line each; the last piece of a record has `note`."""
    for row in range(batch.size):
        inputs = {field: {name: one[row : row + 1] for name, one in arrays.items()} for field, arrays in batch.inputs.items()}
        yield from _found(writer, model, inputs, state, request, row)


def _found(
    writer: Writer, model: nn.Module, inputs: dict[str, dict[str, Tensor]], state: State, request: Request, row: int
) -> Iterator[Chunk]:
    wanted = inputs[writer.wishes][RANGES][0].float().cpu().numpy()
    sampling = Sampling(writer.max_tokens, request.temperature or writer.temperature, top_p=request.top_p or writer.top_p)
    seeds = np.random.SeedSequence(writer.seed if request.seed is None else request.seed)
    tokens = SmilesTokens(state["tokens"])
    seen: set[str] = set()
    left_out: Counter[str] = Counter()
    count = drawn = 0
    while count < request.count and drawn < TRIES * max(AT_ONCE, request.count):
        size = min(AT_ONCE, max(16, 2 * (request.count - count)))
        many = {field: {name: one.repeat_interleave(size, 0) for name, one in arrays.items()} for field, arrays in inputs.items()}
        with torch.inference_mode():
            ids = written(writer, model, many, state, seeds.generate_state(drawn + size)[drawn:].tolist(), sampling)
        for text in (tokens.text(one) for one in ids.tolist()):
            if count == request.count:
                break
            drawn += 1
            smiles, reason = _judged(text, wanted, state, writer.limits, seen)
            if reason:
                left_out[reason] += 1
                continue
            count += 1
            yield Chunk(f"{smiles}\n", row=row)
    yield Chunk("", "end" if count == request.count else "length", row=row, note=_note(count, drawn, left_out))


def _judged(text: str, wanted: np.ndarray, state: State, limits: Limits, seen: set[str]) -> tuple[str, str]:
    """Return the canonical SMILES of what was written, and why it is left out, "" where it is not."""
    molecule = parsed(text, limits)
    if molecule is None:
        return "", "are no molecules"
    smiles = canonical_smiles(molecule)
    if smiles in seen:
        return smiles, "came twice"
    seen.add(smiles)
    if is_known([smiles], state["known"])[0]:
        return smiles, "are of training"
    if (np.abs(wanted) < 1e8).any():
        values = properties_of(molecule)
        if not ((values >= wanted[:, 0]) & (values <= wanted[:, 1])).all():
            return smiles, "are not as asked for"
    return smiles, ""


def _note(count: int, drawn: int, left_out: Counter[str]) -> str:
    reasons = ", ".join(f"{number:,} {reason}" for reason, number in left_out.most_common())
    return f"{count:,} molecules of {drawn:,} that were written" + (f"; of the others {reasons}" if reasons else "")


