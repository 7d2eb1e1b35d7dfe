"""The settings of molecules, which the modality and its network share."""

from __future__ import annotations

from dataclasses import dataclass, field

from noria.contract.settings import tried
from noria.modalities.molecule.graph import MOST_ATOMS
from noria.modalities.molecule.reading import Limits, Parts

NETWORK_ONLY = {"network_only": True}  # settings that preparation does not depend on


@dataclass(frozen=True)
class MoleculeSettings:
    """How molecules are read and embedded."""

    parts: Parts = "largest"
    """Of salts and mixtures: read the `largest` part, `all` of them, or `refuse` them."""
    max_atoms: int = 150
    """Most atoms beside hydrogens, up to 250; larger molecules are quarantined. Memory grows with its square."""
    max_seconds: float = 10.0
    """Seconds that reading one molecule of many atoms or rings may take; what takes longer is quarantined."""
    graph: bool = field(default=True, metadata=NETWORK_ONLY | tried(True, False))
    """Give each atom a token, which sees the others by how they are bound. Needs a trunk: model.depth above 0."""
    smiles: bool = field(default=False, metadata=tried(False, True))
    """Read the SMILES too, a token a character, in another order of atoms each time in training. Needs a trunk."""
    members: int = field(default=8, metadata=NETWORK_ONLY | tried(4, 8, 16))
    """Networks with shared weights that read descriptors and substructures, a token each. More are steadier."""
    hidden: int = field(default=256, metadata=NETWORK_ONLY)
    """Hidden width of each member. Raise it for many molecules."""
    dropout: float = field(default=0.3, metadata=NETWORK_ONLY | tried(0.1, 0.3, 0.5))
    """Dropout of descriptors and substructures and in the members, 0 to 1. Raise it for few molecules."""

    def __post_init__(self) -> None:
        if not 1 <= self.max_atoms <= MOST_ATOMS or self.max_seconds <= 0 or self.members < 1:
            raise ValueError(f"max_atoms must be 1 to {MOST_ATOMS}, max_seconds above 0, members at least 1")

    @property
    def limits(self) -> Limits:
        """Return what is read of a text."""
        return Limits(self.parts, self.max_atoms, self.max_seconds)
