"""What is asked for in training: of each molecule some of its own properties, within a range drawn at random.

A network that has seen every kind of wish beside what fulfils it can be asked for any; one molecule in four is learnt
without a wish, so that it needs none. Read next: modalities/wishes/embedder.py.
"""

from __future__ import annotations

import torch
from torch import Tensor

from noria.contract.capabilities import IDS
from noria.modalities.molecule.properties import PROPERTIES
from noria.modalities.wishes.modality import FAR, LIKE, RANGES
from noria.targets.molecule.smiles import SmilesTokens
from noria.types import PAD, Batch, Output

NOTHING_ASKED, EACH_ASKED, LIKE_ASKED, OPEN_END = 0.25, 0.4, 0.2, 0.15  # shares, a first guess
MOST_HIDDEN = 0.8  # of the substructures of the molecule to be like, so that others may be like it


def wished(target: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return arrays of the wishes that these molecules fulfil, drawn by torch's global seed."""
    values, like = target["properties"].float(), target["substructures"]
    size, count = values.shape
    device = values.device
    span = torch.tensor([one.high - one.low for one in PROPERTIES], device=device)
    reach = torch.rand(size, count, 2, device=device) ** 3 * span[:, None]
    reach[torch.rand(reach.shape, device=device) < OPEN_END] = FAR
    is_asked = torch.rand(size, 1, device=device) >= NOTHING_ASKED
    reach[~(is_asked & (torch.rand(size, count, device=device) < EACH_ASKED))] = FAR
    ranges = torch.stack([values - reach[..., 0], values + reach[..., 1]], -1).clamp(-FAR, FAR)
    is_like = is_asked & (torch.rand(size, 1, device=device) < LIKE_ASKED)
    is_shown = torch.rand(like.shape, device=device) >= MOST_HIDDEN * torch.rand(size, 1, device=device)
    return {RANGES: ranges, LIKE: torch.where(is_like & is_shown, like, PAD)}


def asked_one(target: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return arrays of the wish for the one property, and the range of it, that evaluation asks for."""
    which, ends = target["asked"][:, 0].long(), target["asked"][:, 1:].float()
    ranges = ends.new_tensor([-FAR, FAR]).repeat(len(ends), len(PROPERTIES), 1)
    ranges[torch.arange(len(ends), device=ends.device), which] = ends
    return {RANGES: ranges, LIKE: target["substructures"].new_full((len(ends), 0), PAD)}


def shuffled(ids: Tensor, tokens: SmilesTokens, share: float) -> Tensor:
    """Return the molecules int[B, T] with a share of them written in another order of atoms, where all is known."""
    from rdkit import Chem

    chosen = torch.rand(len(ids)) < share
    seeds = torch.randint(2**31 - 1, (len(ids),)).tolist()
    rows = [[one for one in row if one != PAD] for row in ids.tolist()]
    for place in chosen.nonzero()[:, 0].tolist():
        molecule = Chem.MolFromSmiles(tokens.text(rows[place]))
        order = torch.randperm(molecule.GetNumAtoms(), generator=torch.Generator().manual_seed(seeds[place])).tolist()
        try:
            rows[place] = tokens.ids(Chem.MolToSmiles(Chem.RenumberAtoms(molecule, order), canonical=False))
        except KeyError:  # a token that canonical forms have not
            continue
    longest = max(map(len, rows))
    return torch.tensor([row + [PAD] * (longest - len(row)) for row in rows], device=ids.device)


def scored(model: torch.nn.Module, batch: Batch) -> Output:
    """Return float[B] each: `nats`, the loss summed over the true molecule, its `tokens`, and how many came first."""
    from torch.nn import functional

    ids = batch.target[IDS]
    logits = model(batch.inputs, batch.target)["logits"].float()
    is_real = ids != PAD
    nats = functional.cross_entropy(logits.flatten(0, 1), ids.flatten(), ignore_index=PAD, reduction="none")
    right = (logits.argmax(-1) == ids) & is_real
    return {"nats": nats.view_as(ids).sum(1), "tokens": is_real.sum(1).float(), "right": right.sum(1).float()}
