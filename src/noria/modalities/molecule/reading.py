"""A molecule from a text: SMILES or a MOL block, in one canonical form, or why it is none.

RDKit is imported when the first molecule is read; what it says of a bad one is the reason, and never printed. Knows no
network. Read next: graph.py.
"""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import numpy as np

from noria.columns.cells import is_absent
from noria.errors import needs_extra

Parts = Literal["largest", "all", "refuse"]
CHARACTERS_AN_ATOM = 20  # of a SMILES, more than any real one has: what is longer is not even parsed
LINES_END = "M  END"  # of a MOL block
PLAIN_ATOMS, PLAIN_RINGS = 100, 15  # up to which none was found that takes a second, however its rings and chains lie
ALONE = [sys.executable, "-m", "noria.modalities.molecule.alone"]
DUMMY, HYDROGEN = 0, 1  # atomic numbers: `*` stands for any element
FOUND = {
    "parts": "several parts",
    "metal": "a metal",
    "radical": "a radical",
    "stereo": "stereo that is left open",
    "dummy": "an atom of no known element",
}


@dataclass(frozen=True)
class Limits:
    """What is read of a text: its largest part or all, up to so many heavy atoms, for so many seconds."""

    parts: Parts = "largest"
    max_atoms: int = 150
    max_seconds: float = 10.0
    where: str = "inputs.molecule"  # the settings that these are


class NoMolecule(ValueError):
    """Why a value is no molecule that can be used."""


def read_molecule(value: Any, limits: Limits) -> Any:
    """Return the RDKit molecule of a text, its atoms in canonical order; raise NoMolecule."""
    if isinstance(value, bytes | bytearray):
        value = bytes(value).decode("utf-8", "replace")
    if is_absent(value) or (isinstance(value, str) and not value.strip()):
        raise NoMolecule("the molecule is missing")
    if not isinstance(value, str) or "\0" in value:
        raise NoMolecule(f"is no SMILES and no MOL block: {str(value)[:80]!r}")
    value = value.encode("utf-8", "replace").decode()  # of half a character RDKit would say nothing
    _require_length(value, limits)
    with _said() as said:
        molecule = _parsed(value, said)
        _require_atoms(molecule)
        molecule = _chosen(molecule, limits)
        _require_size(molecule, limits)
        if not _is_plain(molecule) and (reason := _tried(_smiles(molecule), limits.max_seconds)):
            raise NoMolecule(reason.format(where=limits.where))
        return _canonical(molecule)


def canonical_smiles(molecule: Any) -> str:
    """Return the one way in which a molecule is written, stereo and isotopes included."""
    return _smiles(molecule)


def in_another_order(smiles: str, seed: int) -> str:
    """Return the same molecule with its atoms in an order that is drawn by a seed; it must be one that can be read."""
    from rdkit import Chem

    molecule = Chem.MolFromSmiles(smiles)
    order = np.random.default_rng(seed).permutation(molecule.GetNumAtoms()).tolist()
    return str(Chem.MolToSmiles(Chem.RenumberAtoms(molecule, order), canonical=False))


def found_in(value: str, molecule: Any) -> list[str]:
    """Return what of a molecule a chemist should know, as keys of FOUND."""
    from rdkit import Chem

    atoms = list(molecule.GetAtoms())
    unspecified = Chem.StereoSpecified.Unspecified  # of centres and of double bonds
    told = {
        "parts": _has_parts(value),
        "metal": any(is_metal(atom.GetAtomicNum()) for atom in atoms),
        "radical": any(atom.GetNumRadicalElectrons() for atom in atoms),
        "stereo": any(one.specified == unspecified for one in Chem.FindPotentialStereo(molecule)),
        "dummy": any(atom.GetAtomicNum() == DUMMY for atom in atoms),
    }
    return [name for name, is_so in told.items() if is_so]


def _has_parts(value: str) -> bool:
    from rdkit import Chem

    if LINES_END not in value:
        return "." in value.split(maxsplit=1)[0]
    return len(Chem.GetMolFrags(Chem.MolFromMolBlock(value, sanitize=False))) > 1


def is_metal(number: int) -> bool:
    """Say whether an element, by its atomic number, is a metal."""
    metalloids_and_others = {0, 1, 2, *range(5, 11), *range(14, 19), *range(32, 37), *range(51, 55), 85, 86}
    return number not in metalloids_and_others


def rdkit() -> None:
    """Import RDKit and have it log to no one; raise UserError where it is not installed."""
    _silenced()


@cache
def _silenced() -> Any:
    try:
        from rdkit import rdBase
    except ImportError:
        raise needs_extra("rdkit", "molecules", "a molecule") from None
    logger = logging.getLogger("rdkit")
    logger.propagate, handler = False, _Listener()
    logger.handlers[:] = [handler]
    rdBase.LogToPythonLogger()
    return handler


class _Listener(logging.Handler):
    """Keeps what RDKit logs while a thread reads one molecule."""

    def __init__(self) -> None:
        super().__init__()
        self.heard = threading.local()

    def emit(self, record: logging.LogRecord) -> None:
        if (lines := getattr(self.heard, "lines", None)) is not None:
            lines.append(record.getMessage())


@contextmanager
def _said() -> Iterator[list[str]]:
    """Yield what RDKit says meanwhile, line by line."""
    listener, lines = _silenced(), list[str]()
    listener.heard.lines = lines
    yield lines
    listener.heard.lines = None


def _parsed(text: str, said: list[str]) -> Any:
    from rdkit import Chem

    if LINES_END in text:
        molecule = Chem.MolFromMolBlock(text, sanitize=True, removeHs=True)
    else:
        words = text.split(maxsplit=1)  # a name may stand behind it
        molecule = Chem.MolFromSmiles(words[0])
    if molecule is None:
        raise NoMolecule(_reason(said))
    return molecule


def _reason(said: list[str]) -> str:
    """Return what RDKit says is wrong, on one line and without the time it writes before it."""
    lines = [line.strip() for text in said for line in text.splitlines() if line.strip()]
    texts = [line.split("] ", 1)[-1] if line.startswith("[") else line for line in lines]
    wrong = [one.removeprefix("SMILES Parse Error: ") for one in texts if not set(one) <= set("~^- ")]
    return f"is no molecule: {wrong[0][:160]}" if wrong else "is no molecule"


def _chosen(molecule: Any, limits: Limits) -> Any:
    """Return the largest part of a salt or mixture, or what the setting says of it."""
    from rdkit import Chem

    found = Chem.GetMolFrags(molecule, asMols=True, sanitizeFrags=False)
    if len(found) == 1 or limits.parts == "all":
        return molecule
    if limits.parts == "refuse":
        raise NoMolecule(f"has {len(found)} parts ({limits.where}.parts)")
    return max(found, key=lambda one: (one.GetNumHeavyAtoms(), _smiles(one)))


def _canonical(molecule: Any) -> Any:
    """Return the molecule with its atoms in the order of its canonical SMILES: written otherwise it is the same."""
    from rdkit import Chem

    again = Chem.MolFromSmiles(_smiles(molecule))
    return molecule if again is None else again  # what cannot be read back keeps the order it came in


def _smiles(molecule: Any) -> str:
    from rdkit import Chem

    return str(Chem.MolToSmiles(molecule))


def _require_length(text: str, limits: Limits) -> None:
    most = CHARACTERS_AN_ATOM * limits.max_atoms
    if LINES_END in text:
        return  # its counts line says how many atoms it has
    if len(text.split(maxsplit=1)[0]) > most:
        most_atoms = f"{limits.max_atoms} atoms ({limits.where}.max_atoms)"
        raise NoMolecule(f"has {len(text):,} characters, more than any molecule of {most_atoms}")


def _require_size(molecule: Any, limits: Limits) -> None:
    if (count := molecule.GetNumAtoms()) > limits.max_atoms:
        raise NoMolecule(f"has {count} atoms, more than {limits.max_atoms} ({limits.where}.max_atoms)")


def _require_atoms(molecule: Any) -> None:
    """Raise NoMolecule for what has no atom that is known but hydrogen, as a proton or a pattern of a search has."""
    numbers = {atom.GetAtomicNum() for atom in molecule.GetAtoms()}
    if not numbers:
        raise NoMolecule("has no atom")
    if not numbers - {DUMMY, HYDROGEN}:
        raise NoMolecule("has no atom of a known element beside hydrogen")


def _is_plain(molecule: Any) -> bool:
    """Say whether a molecule is read at once: few atoms and few rings, as paths along rings multiply."""
    atoms, bonds = molecule.GetNumAtoms(), molecule.GetNumBonds()
    return bool(atoms <= PLAIN_ATOMS and bonds - atoms + 1 <= PLAIN_RINGS)


@cache
def _tried(smiles: str, max_seconds: float) -> str:
    """Return why a molecule cannot be read in time, by trying it in a process of its own; "" where it can."""
    try:
        tried = subprocess.run(ALONE, input=smiles.encode(), timeout=max_seconds, capture_output=True, check=False)
    except subprocess.TimeoutExpired:
        return f"takes longer than {max_seconds:g} s ({{where}}.max_seconds)"
    return "" if tried.returncode == 0 else "cannot be read: RDKit ends on it"
