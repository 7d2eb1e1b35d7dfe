"""A data folder of Kaldi: wav.scp says where each recording lies, text what is said, utt2spk who speaks.

    wav.scp   utt1 sounds/1.wav        text     utt1 good morning        utt2spk  utt1 anna

Columns: utterance, file, and transcript, speaker and language where the folder has them. A command in the place of a
file (`sph2pipe ... |`) is not run: such a record is bad. Segments of longer recordings are not read. Knows no task.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from noria.contract.source import Source, reading
from noria.errors import UserError
from noria.sources.core.text_file import TextFile
from noria.types import Rejected, Rows

SCRIPT, SEGMENTS = "wav.scp", "segments"
COLUMNS = {"text": "transcript", "utt2spk": "speaker", "utt2lang": "language"}  # by the file that holds them


class Kaldi(Source):
    """The recordings of wav.scp; `numbers` are its lines."""

    def __init__(self, path: Path):
        self.path = self.root = path
        if (path / SEGMENTS).is_file():
            raise UserError(
                "says that its utterances are parts of longer recordings, which is not read",
                where=str(path / SEGMENTS),
                fix="cut the recordings with Kaldi's extract-segments, or give a folder without segments",
            )
        self._names = [name for name in COLUMNS if (path / name).is_file()]
        self.columns = ["utterance", "file", *(COLUMNS[name] for name in self._names)]

    def files(self) -> list[Path]:
        """Return wav.scp and the files that say something of its recordings."""
        return [self.path / name for name in (SCRIPT, *self._names)]

    def notes(self) -> list[str]:
        """Return nothing: what a line lacks is said of the line."""
        return []

    def rows(self, chunk_size: int = 4096) -> Iterator[Rows]:
        """Yield the recordings; one that another file says nothing of is bad."""
        with reading(self.path):
            said = {COLUMNS[name]: {key: rest for _, key, rest in self._lines(name)} for name in self._names}
            records: list[dict[str, Any]] = []
            numbers: list[int] = []
            bad: list[Rejected] = []
            for number, key, file in self._lines(SCRIPT):
                record = {
                    "utterance": key,
                    "file": self._below(file),
                    **{name: known.get(key) for name, known in said.items()},
                }
                if flaw := _flaw(record):
                    bad.append(Rejected(f"{SCRIPT}:{number}", flaw, len(records)))
                else:
                    records.append(record)
                    numbers.append(number)
                if len(records) + len(bad) >= chunk_size:
                    yield self._chunk(records, numbers, bad)
                    records, numbers, bad = [], [], []
            if records or bad:
                yield self._chunk(records, numbers, bad)

    def _chunk(self, records: list[dict[str, Any]], numbers: list[int], bad: list[Rejected]) -> Rows:
        return Rows({name: [one[name] for one in records] for name in self.columns}, SCRIPT, numbers, bad=bad)

    def _lines(self, name: str) -> Iterator[tuple[int, str, str]]:
        """Yield number, key and the rest of each line that is not empty."""
        lines = TextFile(self.path / name).lines()
        for line in lines:
            if line.strip():
                key, *rest = line.split(maxsplit=1)
                yield lines.number, key, "".join(rest).strip()

    def _below(self, file: str) -> str:
        """Return the name of a file relative to the folder, where it lies below it: Kaldi writes absolute ones."""
        return file.removeprefix(f"{self.path.absolute().as_posix()}/")


def _flaw(record: dict[str, Any]) -> str:
    """Return why a recording cannot be used; nothing where it can."""
    if record["file"].endswith("|"):
        return "is read by a command, and none is run: name a file in wav.scp"
    missing = [name for name, value in record.items() if value is None]
    return f"has no {missing[0]}" if missing else ""
