"""What a file is that no reader takes as data, by the ending of its name, and what to do with it instead.

Read next: opening.py.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple


class Kind(NamedTuple):
    """What a file is, and how to come from it to data. {name} stands for the name of the file."""

    what: str
    fix: str


_ONE = "data is a folder or an archive of many of them; a trained model answers this one: noria predict RUN {name}"
_WEIGHTS = "it is no data; training starts from a model by model.from=RUN, from a checkpoint by model.pretrained=FOLDER"
_AS_CSV = "write it as CSV or Parquet with the program that it comes from, or with pandas"
_UNPACK = "unpack it first, and give the folder or the file in it"
_AS_TEXT = "save its text as .txt, or its table as .csv"

_KINDS = {
    **dict.fromkeys((".png", ".jpg", ".jpeg", ".gif", ".bmp", ".tif", ".tiff", ".webp"), Kind("one picture", _ONE)),
    **dict.fromkeys((".wav", ".mp3", ".flac", ".ogg", ".m4a", ".aac"), Kind("one recording", _ONE)),
    **dict.fromkeys((".mp4", ".mov", ".avi", ".mkv", ".webm"), Kind("one video", _ONE)),
    **dict.fromkeys((".safetensors", ".gguf", ".onnx", ".pt", ".pth", ".ckpt"), Kind("weights of a model", _WEIGHTS)),
    **dict.fromkeys(
        (".pkl", ".pickle", ".joblib"), Kind("a pickle, which can run any code and is never opened", _AS_CSV)
    ),
    **dict.fromkeys((".feather", ".arrow", ".orc", ".avro"), Kind("a table in another format", _AS_CSV)),
    **dict.fromkeys((".sav", ".dta", ".sas7bdat", ".rds", ".rdata"), Kind("a table of a statistics program", _AS_CSV)),
    **dict.fromkeys((".db", ".sqlite", ".sqlite3", ".mdb"), Kind("a database", _AS_CSV)),
    **dict.fromkeys((".h5", ".hdf5", ".mat"), Kind("arrays in another format", "save them as .npz with numpy.savez")),
    ".npy": Kind("one array", "save it with its answers: numpy.savez('data.npz', image=..., label=...)"),
    **dict.fromkeys((".pdf", ".docx", ".doc", ".rtf", ".html", ".htm"), Kind("a document", _AS_TEXT)),
    **dict.fromkeys((".7z", ".rar", ".zst"), Kind("a packed file", _UNPACK)),
    **dict.fromkeys((".py", ".ipynb"), Kind("a program", "give the data that it reads")),
}


def unread_kind(path: Path) -> Kind | None:
    """Return what a file is that no reader takes as data; None where nothing is known of its ending."""
    found = _KINDS.get(path.suffix.lower())
    return found and Kind(found.what, found.fix.format(name=path.name))
