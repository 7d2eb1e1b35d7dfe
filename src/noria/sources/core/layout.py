"""What the names of files in a folder or archive mean: train/cat/1.png is of the split train and has the label cat.

    cat/1.png  dog/2.png                  classes            label is the first folder
    train/cat/1.png  test/dog/2.png       splits, classes    train, validation (val, valid, dev), test
    train/1.png                           splits
    1.png  2.png                          neither
    pets/cat/1.png                        a folder around everything is looked through

Knows names only, no file system and no archive; survey() keeps counts, never the names. Read next: folder.py.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

SPLITS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("validation", "valid", "val", "dev", "development", "eval", "evaluation"), "validation"),
    **dict.fromkeys(("test", "testing", "holdout"), "test"),
}
PACKINGS = (".gz", ".bz2", ".xz")  # of a single file
LINES_SUFFIXES = (".csv", ".tsv", ".tab", ".data")
WORKBOOK_SUFFIXES = (".xlsx", ".xlsm", ".xlsb", ".xls", ".ods")
TABLE_SUFFIXES = (
    *LINES_SUFFIXES,
    ".jsonl",
    ".ndjson",
    ".parquet",
    *WORKBOOK_SUFFIXES,
    *(f"{name}{packing}" for packing in PACKINGS for name in (*LINES_SUFFIXES, ".jsonl", ".ndjson")),
)
TEXT_SUFFIX = ".txt"
JSON_SUFFIXES = (".json", *(f".json{packing}" for packing in PACKINGS))
_BESIDE_SUFFIXES = (".txt", ".md", ".rst", ".json", ".yaml", ".yml", ".xml", ".html", ".pdf")
_CLUTTER = frozenset(("__MACOSX", "Thumbs.db", "desktop.ini"))
_DEPTH = 5  # folders around, split and class lie within as many levels
_MAX_TABLES = 1000  # kept by name; a folder of more is no set of tables with splits
_TEXTS_TO_ONE = 10  # pictures with a text each are no documents; documents with a word list beside them are
_SHOWN = 10  # names in a sentence before "and more"


def is_hidden(part: str) -> bool:
    """Say whether a file or folder is one that systems leave behind or hide."""
    return part.startswith(".") or part in _CLUTTER


def is_table(name: str) -> bool:
    """Say whether a file is a table that sources/ can read."""
    return name.lower().endswith(TABLE_SUFFIXES)


def is_beside(name: str) -> bool:
    """Say whether a file that stands beside class folders is about the data and not of it."""
    base = name.rsplit("/", 1)[-1]
    return is_table(base) or base.lower().endswith(_BESIDE_SUFFIXES) or "." not in base


@dataclass(frozen=True)
class Place:
    """Where a file belongs. `flaw` says why it belongs nowhere; `is_data` is false for what is about the data."""

    split: str = ""
    label: str | None = None
    flaw: str = ""
    is_data: bool = True

    @property
    def is_record(self) -> bool:
        return self.is_data and not self.flaw


@dataclass(frozen=True)
class Layout:
    """How the names of one folder or archive are to be read."""

    prefix: str = ""
    has_splits: bool = False
    has_classes: bool = False
    reads_beside: bool = False  # nothing but .txt, .md, ...: then they are the data

    @property
    def columns(self) -> list[str]:
        return ["file", "label"] if self.has_classes else ["file"]

    def place(self, name: str) -> Place:
        """Return where the file `name` (with forward slashes) belongs."""
        if not name.startswith(self.prefix):
            return self._beside(name, "it stands outside the folder that holds the rest")
        parts = name[len(self.prefix) :].split("/")
        split = ""
        if self.has_splits:
            if len(parts) == 1:
                return self._beside(name, "it stands beside the folders of the splits")
            split = SPLITS[parts.pop(0).lower()]
        if not self.has_classes:
            if is_beside(name) and not self.reads_beside:
                return Place(is_data=False)
            return Place(split)
        if len(parts) == 1:
            return self._beside(name, "it stands beside the class folders, so it has no class")
        return Place(split, parts[0])

    def _beside(self, name: str, flaw: str) -> Place:
        return Place(is_data=False) if is_beside(name) else Place(flaw=flaw)


@dataclass
class Survey:
    """What was seen of the names: which folders have files, how many that could be data, and which are tables."""

    folders: set[tuple[str, ...]] = field(default_factory=set)  # those with a file at or below them
    tables: list[str] = field(default_factory=list)
    loose: Counter[tuple[str, ...]] = field(default_factory=Counter)  # data files directly in a folder
    num_texts: int = 0

    def add(self, name: str) -> None:
        """Take one more file into account."""
        folder = tuple(name.split("/", _DEPTH + 1)[:-1][:_DEPTH])
        if folder not in self.folders:
            self.folders.update(folder[:depth] for depth in range(len(folder) + 1))
        if not is_beside(name):
            self.loose[folder] += 1
        elif is_table(name) and len(self.tables) < _MAX_TABLES:
            self.tables.append(name)
        elif name.lower().endswith(TEXT_SUFFIX):
            self.num_texts += 1

    def below(self, folder: tuple[str, ...]) -> list[str]:
        """Return the names of the folders with files directly below a folder."""
        depth = len(folder) + 1
        return sorted(key[-1] for key in self.folders if len(key) == depth and key[:-1] == folder)

    @property
    def is_tables(self) -> bool:
        """Say whether these are tables in one folder, and nothing that could be data but them."""
        is_one_folder = len(self.folders) == 1 + max(map(len, self.folders), default=0)
        return bool(self.tables) and not self.loose and is_one_folder

    @property
    def is_texts(self) -> bool:
        """Say whether these are documents, and hardly anything else that could be data."""
        return self.num_texts > _TEXTS_TO_ONE * self.loose.total()

    def layout(self) -> Layout:
        """Return how the names are to be read."""
        around = self._around()
        top = self.below(around)
        has_splits = bool(top) and all(name.lower() in SPLITS for name in top)
        class_parents = [(*around, name) for name in top] if has_splits else [around]
        has_classes = any(self.below(parent) for parent in class_parents)
        prefix = "".join(f"{part}/" for part in around)
        return Layout(prefix, has_splits, has_classes, reads_beside=not has_classes and not self.loose)

    def _around(self) -> tuple[str, ...]:
        """Return the folders around everything: alone, without data beside, no split, and with folders in them."""
        around: tuple[str, ...] = ()
        while len(around) < _DEPTH - 2:
            top = self.below(around)
            inner = (*around, top[0]) if len(top) == 1 else around
            if len(top) != 1 or self.loose[around] or top[0].lower() in SPLITS or not self.below(inner):
                return around
            around = inner
        return around


def survey(names: Iterable[str]) -> Survey:
    """Look at all names once."""
    seen = Survey()
    for name in names:
        seen.add(name)
    return seen


def some(names: Iterable[str]) -> str:
    """Return the first few names for a sentence."""
    listed = list(names)
    return ", ".join(listed[:_SHOWN]) + (f" and {len(listed) - _SHOWN} more" if len(listed) > _SHOWN else "")
