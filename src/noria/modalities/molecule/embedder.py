"""From a molecule to tokens: one for each member that reads it as a whole, one for each atom, one for each character.

Sources: Ying et al. 2021, "Do Transformers Really Perform Bad for Graph Representation?" (a bias by distance), and
Gorishniy et al. 2024, "TabM" (members that share their weights and differ by scales).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from noria.modalities.molecule.descriptors import NUM_SUBSTRUCTURES
from noria.modalities.molecule.graph import ATOM_SIZES, BONDS, CODES_BEFORE, pair_codes
from noria.modalities.molecule.reading import in_another_order
from noria.modalities.molecule.settings import MoleculeSettings
from noria.types import PAD, Ragged, State, Tokens

CHARACTERS = 128  # of ASCII, which SMILES are written in
FAR = 5.0  # spreads from the mean beyond which a descriptor is cut


class MoleculeEmbedder(nn.Module):
    """`atoms` int[B, T, 10], `bonds` int[B, bonds, 3], `smiles` int[B, S], `descriptors` float[B, D], substructures
    -> Tokens.
    """

    def __init__(self, settings: MoleculeSettings, state: State, width: int) -> None:
        super().__init__()
        self.width = width
        self.members = _Members(state, settings, width)
        codes = state.get("codes", CODES_BEFORE)
        self.atoms = _Atoms(ATOM_SIZES[: codes["atom"]], width) if settings.graph else None
        self.smiles = _Smiles(width) if settings.smiles else None
        self.most_atoms = settings.max_atoms
        self.bias = nn.Embedding(codes["pair"], 1)
        nn.init.zeros_(self.bias.weight)

    def forward(self, arrays: dict[str, Tensor]) -> Tokens:
        members = self.members(arrays)
        count, device = members.shape[1], members.device
        if self.atoms is None and self.smiles is None:
            return Tokens(members)
        parts, real = [members], [torch.ones(members.shape[:2], dtype=torch.bool, device=device)]
        positions = [torch.arange(count, device=device)]
        bias = None
        if self.atoms is not None:
            features, is_atom = self.atoms(arrays["atoms"])
            parts.append(features)
            real.append(is_atom)
            positions.append(count + torch.arange(features.shape[1], device=device))
            codes = pair_codes(arrays["bonds"].long(), is_atom)
            bias = torch.where(codes < self.bias.num_embeddings, codes, BONDS[2.0])
        if self.smiles is not None:
            features, is_character = self.smiles(arrays["smiles"])
            parts.append(features)
            real.append(is_character)
            # Behind as many atoms as there may be, not behind those of the largest molecule of a batch.
            positions.append(count + self.most_atoms + torch.arange(features.shape[1], device=device))
        if bias is not None:
            behind = parts[-1].shape[1] if self.smiles is not None else 0
            bias = self.bias(functional.pad(bias, (count, behind, count, behind))).permute(0, 3, 1, 2)
        places = None if self.smiles is None else torch.cat(positions).expand(len(members), -1)
        return Tokens(torch.cat(parts, 1), torch.cat(real, 1), places, pair_bias=bias)


class _Atoms(nn.Module):
    """int[B, T, 10] -> float[B, T, width], the sum of what each property is embedded as, and which are atoms.

    sizes: how many values each property has; further ones are not read.
    """

    start: Tensor

    def __init__(self, sizes: Sequence[int], width: int) -> None:
        super().__init__()
        starts = [sum(sizes[:index]) for index in range(len(sizes))]
        self.register_buffer("start", torch.tensor(starts), persistent=False)
        self.table = nn.Embedding(sum(sizes), width)
        nn.init.normal_(self.table.weight, std=len(sizes) ** -0.5)

    def forward(self, atoms: Tensor) -> tuple[Tensor, Tensor]:
        is_atom = atoms[..., 0] != PAD
        read = atoms[..., : len(self.start)].long().clamp_min(0)
        features: Tensor = self.table(read + self.start).sum(2)
        return features * is_atom[..., None], is_atom


class _Smiles(nn.Module):
    """int[B, S], the characters of SMILES, -> float[B, S, width] and which are characters.

    In training each molecule is written in another order of its atoms (Bjerrum 2017, "SMILES Enumeration as Data
    Augmentation"); in use it is read as it is stored, in its canonical order.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.table = nn.Embedding(CHARACTERS, width)

    def forward(self, characters: Tensor) -> tuple[Tensor, Tensor]:
        if self.training:
            characters = _shuffled(characters)
        is_character = characters != PAD
        features: Tensor = self.table(characters.long().clamp(0, CHARACTERS - 1))
        return features * is_character[..., None], is_character


def _shuffled(characters: Tensor) -> Tensor:
    """Return the same molecules, each written in another order of its atoms; drawn by torch's generator."""
    seeds = torch.randint(2**31 - 1, (len(characters),)).tolist()
    rows = [bytes(one for one in row if one != PAD).decode() for row in characters.tolist()]
    written = [list(in_another_order(text, seed).encode()) for text, seed in zip(rows, seeds, strict=True)]
    return torch.from_numpy(Ragged.of(written, np.int64).padded()).to(characters.device)


class _Members(nn.Module):
    """Descriptors and substructures -> [B, members, width]: a network of two layers, whose members differ by scales.

    A substructure starts at nothing, so that one which training never showed says nothing.
    """

    def __init__(self, state: State, settings: MoleculeSettings, width: int) -> None:
        super().__init__()
        inputs, hidden = len(state["descriptors"]), settings.hidden
        self.dropout = settings.dropout
        self.before = nn.Parameter(torch.randint(0, 2, (settings.members, inputs)) * 2.0 - 1)
        self.first = nn.Linear(inputs, hidden, bias=False)
        self.substructures = nn.EmbeddingBag(NUM_SUBSTRUCTURES + 1, hidden, mode="sum", padding_idx=NUM_SUBSTRUCTURES)
        nn.init.zeros_(self.substructures.weight)
        self.scale = nn.Parameter(torch.ones(settings.members, hidden))
        self.bias = nn.Parameter(torch.zeros(settings.members, hidden))
        self.second = nn.Linear(hidden, width)

    def forward(self, arrays: dict[str, Tensor]) -> Tensor:
        descriptors = arrays["descriptors"].to(self.first.weight.dtype).nan_to_num(0.0).clamp(-FAR, FAR)
        descriptors = functional.dropout(descriptors, self.dropout / 2, self.training)
        hidden = self.first(descriptors[:, None] * self.before) + self._substructures(arrays)[:, None]
        hidden = functional.relu(hidden * self.scale + self.bias)
        found: Tensor = self.second(functional.dropout(hidden, self.dropout, self.training))
        return found

    def _substructures(self, arrays: dict[str, Tensor]) -> Tensor:
        """Return the sum of what each substructure is embedded as, by log(1 + how often it occurs)."""
        places, counts = arrays["substructures"].long(), arrays["occurrences"]
        weights = counts.clamp_min(0).to(self.substructures.weight.dtype).log1p()
        weights = functional.dropout(weights, self.dropout, self.training)
        found: Tensor = self.substructures(
            torch.where(places == PAD, NUM_SUBSTRUCTURES, places), per_sample_weights=weights
        )
        return found
