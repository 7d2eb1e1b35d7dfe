"""Recordings as people keep them: files in class folders, or a table of names and texts beside the sounds.

    metadata.csv  wavs/LJ001-0001.wav                LJSpeech: id | text | text with numbers spelt out, no header
    validated.tsv train.tsv .. clips/x.mp3           Common Voice: path, sentence
    metadata.csv  train/metadata.jsonl  train/x.wav  audiofolder of Hugging Face: file_name, ..
    wav.scp  text  utt2spk                           Kaldi, see kaldi.py
    dogs/1.wav  cats/2.mp3                           a class a folder

A table gets a column `file`: the names in it as files that are there. Knows no task. Read next: sound_table.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from noria.contract.capabilities import MAPPED
from noria.contract.source import Source, reading
from noria.sources.core.layout import is_hidden, is_table
from noria.sources.formats.file_records import file_records
from noria.sources.formats.kaldi import SCRIPT, Kaldi
from noria.sources.formats.sound_table import names_sound, sound_table, unnamed
from noria.sources.formats.tables import Tables, open_table, speaks_of_split, split_tables

WHOLE = ("validated.tsv", "metadata.csv", "metadata.jsonl")  # what holds all the data, of several tables
ORDER = ("train", "validation", "test")
INNER = ("metadata.csv", "metadata.jsonl")  # in a folder of its own for each split


def recordings(path: Path, encoding: str | None = None, named: Mapping[str, Any] = MAPPED) -> Source | None:
    """Return the reader of recordings; None where the path is no folder, archive or table that names sounds.

    named: which column the job says fills which field.
    """
    wanted = [column for column in named.values() if isinstance(column, str)]
    with reading(path):
        if (path / SCRIPT).is_file():
            return Kaldi(path)
        parts = _tables_in(path) if path.is_dir() else []
        if path.is_file() and is_table(path.name):
            return sound_table(_table(path, path.parent, encoding), path.parent, wanted)
        tables = [_table(path / name, path, encoding, split) for name, split in parts]
        found = [one for table in tables if (one := sound_table(table, path, wanted))]
        if not found:
            return file_records(path)
        beside = sorted(set(_tables(path)) - {name for name, _ in parts})
        return Tables(path, path, found, beside)


def _table(path: Path, root: Path, encoding: str | None, split: str = "") -> Source:
    """Return a table; one whose first line names a sound that is there has no header."""
    table = open_table(path, encoding=encoding, split=split)
    if not any(names_sound(table, root, name) for name in table.columns):
        return table
    columns = [unnamed(number) for number in range(1, len(table.columns) + 1)]
    return open_table(path, encoding=encoding, split=split, columns=columns)


def _tables_in(path: Path) -> list[tuple[str, str]]:
    """Return name and split of the tables that may say what lies in a folder; none where it has no such table."""
    folders = [entry.name for entry in sorted(path.iterdir()) if entry.is_dir() and not is_hidden(entry.name)]
    inner = {f"{folder}/{name}": folder for folder in folders for name in INNER if (path / folder / name).is_file()}
    if inner and all(map(speaks_of_split, inner.values())):
        found = [(name, speaks_of_split(folder)) for name, folder in inner.items()]
        return sorted(found, key=lambda one: ORDER.index(one[1]))
    tables = _tables(path)
    parts = [name for name in tables if speaks_of_split(name)]
    if {"train", "test"} <= {speaks_of_split(name) for name in parts}:
        return split_tables(parts, str(path))
    whole = next((name for name in WHOLE if name in tables), None)
    return [(whole or tables[0], "")] if whole or len(tables) == 1 else []


def _tables(path: Path) -> list[str]:
    return sorted(entry.name for entry in path.iterdir() if entry.is_file() and is_table(entry.name))
