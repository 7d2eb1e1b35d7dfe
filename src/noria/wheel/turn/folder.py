"""The folder of a wheel, RUN/wheel: which run is the champion, and what each turn made.

RUN/wheel/id                the wheel's own name in the database
RUN/wheel/current           link to the champion: RUN itself at first; what a service reads when it reloads
RUN/wheel/candidate         link to what is tried in service
RUN/wheel/golden.json       which records are the golden set, and a hash of what they hold
RUN/wheel/turn-3/run        the run of a turn's candidate, turn-3/splits.csv which of its records is for what
"""

from __future__ import annotations

import os
import uuid
from dataclasses import dataclass
from pathlib import Path

from noria.errors import UserError
from noria.store.disk import making_room, plain_disk_errors, replace_file, sync_folder

CURRENT, CANDIDATE = "current", "candidate"


@dataclass(frozen=True)
class WheelFolder:
    """The wheel of a run."""

    run: Path

    @classmethod
    def of(cls, run: Path) -> WheelFolder:
        """Return the wheel of a run, also where its link to the champion is named; raise UserError for no run."""
        path = run.parent.parent if (run.name, run.parent.name) == (CURRENT, "wheel") else run
        if not (path / "bundle").is_dir() or not (path / "job.yaml").is_file():
            raise UserError("a wheel turns on a finished run", where=str(run), fix="name the folder of a training")
        return cls(path)

    @property
    def path(self) -> Path:
        """Return the folder, which may not be there yet."""
        return self.run / "wheel"

    @property
    def champion(self) -> Path:
        """Return the run that is in service."""
        link = self.path / CURRENT
        found = link.resolve() if link.is_symlink() else self.run.resolve()
        if not (found / "bundle").is_dir():
            raise UserError("the champion is no finished run", where=str(link), found=str(found), fix="bring it back")
        return found

    def turn(self, number: int) -> Path:
        """Return the folder of a turn."""
        return self.path / f"turn-{number}"

    def prepare(self) -> str:
        """Make the folder, with the link to the champion, and return the wheel's id."""
        with making_room(self.path):
            self.path.mkdir(exist_ok=True)
        named = self.path / "id"
        if not named.exists():
            replace_file(named, uuid.uuid4().hex.encode())
        if not (self.path / CURRENT).is_symlink():
            self.point(CURRENT, self.run)
        return named.read_text("ascii").strip()

    def point(self, name: str, run: Path) -> None:
        """Let a link point to a run, in one step."""
        target = os.path.relpath(run.resolve(), self.path.resolve())
        temporary = self.path / f".{name}.tmp"
        with plain_disk_errors(self.path):
            temporary.unlink(missing_ok=True)
            temporary.symlink_to(target, target_is_directory=True)
            temporary.replace(self.path / name)
            sync_folder(self.path)

    def drop(self, name: str) -> None:
        """Remove a link, where it is there."""
        with plain_disk_errors(self.path):
            (self.path / name).unlink(missing_ok=True)

    def shown(self, run: Path) -> str:
        """Return a run as people know it: `the first model`, or the turn that made it."""
        if run.resolve() == self.run.resolve():
            return "the first model"
        return f"the model of turn {run.resolve().parent.name.removeprefix('turn-')}"
