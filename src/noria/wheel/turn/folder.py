"""The folder of a wheel, RUN/wheel: which run is the champion, and what each turn made.

RUN/wheel/id                the wheel's own name in the database, and where this folder was when it was last used
RUN/wheel/current           link to the champion: RUN itself at first; what a service reads when it reloads
RUN/wheel/candidate         link to what is tried in service
RUN/wheel/golden.json       which records are the golden set, and a hash of what they hold
RUN/wheel/turn-3/run        the run of a turn's candidate, turn-3/splits.csv which of its records is for what
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable
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

    def prepare(self, tell: Callable[[str], None]) -> str:
        """Make the folder, with the link to the champion, and return the wheel's id.

        A copy of a wheel gets an id of its own, which is told: with one id both would go on with the same turns.
        """
        with making_room(self.path):
            self.path.mkdir(exist_ok=True)
        known, place = self._known(), str(self.path.resolve())
        if known is None:
            known = uuid.uuid4().hex, place
        elif self._is_copy_of(Path(known[1])):
            tell(
                f"this run is a copy of {Path(known[1]).parent}: its wheel goes on by itself, without the turns so far"
            )
            known = uuid.uuid4().hex, place
        if (known[0], place) != self._known():
            replace_file(self._named, f"{known[0]}\n{place}\n".encode())
        if not (self.path / CURRENT).is_symlink():
            self.point(CURRENT, self.run)
        return known[0]

    @property
    def _named(self) -> Path:
        return self.path / "id"

    def _known(self) -> tuple[str, str] | None:
        """Return the id and where the wheel was, empty where an earlier version wrote it; None where there is none."""
        if not self._named.exists():
            return None
        name, _, place = self._named.read_text("utf-8").partition("\n")
        return name.strip(), place.strip()

    def _is_copy_of(self, place: Path) -> bool:
        """Say whether the wheel that was in a folder is still there, and is another file than this one's."""
        first = WheelFolder(place.parent)
        found, own = first._known() if place.name else None, self._known()
        return found is not None and own is not None and found[0] == own[0] and not self._named.samefile(first._named)

    @property
    def last_turn(self) -> int:
        """Return the highest number of a turn that has a folder; 0 where there is none."""
        numbers = [one.name.removeprefix("turn-") for one in self.path.glob("turn-*")]
        return max((int(one) for one in numbers if one.isdecimal()), default=0)

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
