"""What is asked for in training: of each molecule some of its own properties, within a range drawn at random.

A network that has seen every kind of wish beside what fulfils it can be asked for any; one molecule in seven is learnt
without a wish, so that it needs none. Read next: modalities/wishes/embedder.py.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from noria.contract.capabilities import IDS, LOGITS
from noria.modalities.molecule.properties import PROPERTIES
from noria.modalities.molecule.reading import in_another_order
from noria.modalities.wishes.modality import FAR, LIKE, RANGES
from noria.targets.molecule.arrays import RANGE, SUBSTRUCTURES, VALUES
from noria.targets.molecule.smiles import SmilesTokens
from noria.types import PAD, Batch, Output

NOTHING_ASKED, EACH_ASKED, LIKE_ASKED, OPEN_END = 0.15, 0.5, 0.1, 0.15  # shares
WIDEST = 2.0  # how far an end may lie from the value, in the distance between a fifth and four fifths of the values
MOST_HIDDEN = 0.8  # of the substructures of the molecule to be like, so that others may be like it


def wished(target: dict[str, Tensor], ends: Sequence[Sequence[float]]) -> dict[str, Tensor]:
    """Return arrays of the wishes that these molecules fulfil, drawn by torch's global seed.

    Most ranges are narrow beside how the values of training are spread, as `ends` says, their quantiles by property:
    of a range that nearly all molecules lie in there is nothing to learn.
    """
    values, like = target[VALUES].float(), target[SUBSTRUCTURES]
    size, count = values.shape
    device = values.device
    spread = [max(own[-2] - own[1], one.step) for own, one in zip(ends, PROPERTIES, strict=True)]
    reach = torch.rand(size, count, 2, device=device) ** 3 * WIDEST * values.new_tensor(spread)[:, None]
    is_asked = torch.rand(size, 1, device=device) >= NOTHING_ASKED
    is_open = torch.rand(reach.shape, device=device) < OPEN_END
    is_open |= ~(is_asked & (torch.rand(size, count, device=device) < EACH_ASKED))[..., None]
    sign = reach.new_tensor([-1.0, 1.0])
    ranges = torch.where(is_open, sign * FAR, values[..., None] + sign * reach)
    is_like = is_asked & (torch.rand(size, 1, device=device) < LIKE_ASKED)
    is_shown = torch.rand(like.shape, device=device) >= MOST_HIDDEN * torch.rand(size, 1, device=device)
    return {RANGES: ranges, LIKE: torch.where(is_like & is_shown, like, PAD)}


def asked_one(target: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return arrays of the wish for the one property, and the range of it, that evaluation asks for."""
    which, ends = target[RANGE][:, 0].long(), target[RANGE][:, 1:].float()
    ranges = ends.new_tensor([-FAR, FAR]).repeat(len(ends), len(PROPERTIES), 1)
    ranges[torch.arange(len(ends), device=ends.device), which] = ends
    return {RANGES: ranges, LIKE: target[SUBSTRUCTURES].new_full((len(ends), 0), PAD)}


def shuffled(ids: Tensor, tokens: SmilesTokens, share: float) -> Tensor:
    """Return the molecules int[B, T] with a share of them written in another order of atoms, where all is known."""
    chosen = torch.rand(len(ids)) < share
    seeds = torch.randint(2**31 - 1, (len(ids),)).tolist()
    rows = [[one for one in row if one != PAD] for row in ids.tolist()]
    for place in chosen.nonzero()[:, 0].tolist():
        try:
            rows[place] = tokens.ids(in_another_order(tokens.text(rows[place]), seeds[place]))
        except KeyError:  # a token that canonical forms have not
            continue
    longest = max(map(len, rows))
    return torch.tensor([row + [PAD] * (longest - len(row)) for row in rows], device=ids.device)


def scored(model: torch.nn.Module, batch: Batch) -> Output:
    """Return float[B] each: `nats`, the loss summed over the true molecule, its `tokens`, and how many came first."""
    ids = batch.target[IDS]
    output = model(batch.inputs, batch.target)
    nats, count = nats_of(output, ids)
    right = (output[LOGITS].argmax(-1) == ids) & (ids != PAD)
    return {"nats": nats, "tokens": count.float(), "right": right.sum(1).float()}


def nats_of(output: Output, ids: Tensor) -> tuple[Tensor, Tensor]:
    """Return float[B], the loss summed over each molecule, and int64[B], how many tokens it has."""
    logits = output[LOGITS].flatten(0, 1).float()
    nats = functional.cross_entropy(logits, ids.flatten(), ignore_index=PAD, reduction="none")
    return nats.view_as(ids).sum(1), (ids != PAD).sum(1)
