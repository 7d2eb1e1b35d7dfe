"""The folder of a run as a path that a notebook shows as its report."""

from __future__ import annotations

from pathlib import PosixPath

from noria.report.notebook import framed_report


class RunPath(PosixPath):  # Noria locks its folders by fcntl, which only such systems have
    """A path like any other; as the last value of a notebook's cell it is the report that lies there."""

    def _repr_html_(self) -> str | None:
        return framed_report(self)
