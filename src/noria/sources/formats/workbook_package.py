"""What the package of a workbook, a zip archive of XML, tells: whether it is a bomb, and which cells are lost.

A reader of workbooks gives a cell with an error, and a formula that no spreadsheet has computed yet, as empty ones. An
.xls file is no package: nothing is told of it. Read next: workbook.py.
"""

from __future__ import annotations

import re
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from noria.errors import UserError
from noria.sources.core.limits import Limits, Meter

_PIECE_BYTES = 1 << 20
_CELL_ENDS = b"</c>"
_ERROR = re.compile(rb'<c [^>]*t="e"[^>]*>(?:(?!</c>).)*?<v>([^<]+)</v>', re.DOTALL)
_NOT_COMPUTED = re.compile(rb"(?:</f>|<f[^>]*/>)(?:<v ?/>|<v></v>)?</c>")
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError)


def lost_cells(path: Path, limits: Limits | None = None) -> list[str]:
    """Return a sentence for each kind of cells that hold no value although they show something.

    Raises UserError where the workbook is broken, is locked, or unpacks to too much.
    """
    if not zipfile.is_zipfile(path):
        return []
    meter = Meter(path, limits or Limits())
    errors: Counter[str] = Counter()
    num_not_computed = 0
    try:
        with zipfile.ZipFile(path) as package:
            for member in package.infolist():
                meter.count_member(member.filename)
                for cells in _stretches(package, member.filename, meter):
                    errors.update(found.decode("utf-8", "replace") for found in _ERROR.findall(cells))
                    num_not_computed += len(_NOT_COMPUTED.findall(cells))
    except _BROKEN as error:
        raise UserError("is not a whole workbook", where=str(path), found=str(error)) from error
    notes = []
    if errors:
        listed = ", ".join(f"{name} ({count})" for name, count in errors.most_common())
        notes.append(f"cells of its sheets that hold an error are missing: {listed}")
    if num_not_computed:
        notes.append(
            f"{num_not_computed} formulas of its sheets were never computed and are missing: "
            "open and save it in a spreadsheet program"
        )
    return notes


def _stretches(package: zipfile.ZipFile, name: str, meter: Meter) -> Iterator[bytes]:
    """Yield the XML of a sheet as stretches of whole cells; read and count anything else."""
    is_sheet, held = name.startswith("xl/worksheets/") and name.endswith(".xml"), b""
    with package.open(name) as stream:
        while piece := stream.read(_PIECE_BYTES):
            meter.count_bytes(len(piece), name)
            if is_sheet:
                cells, end, held = (held + piece).rpartition(_CELL_ENDS)
                yield cells + end
