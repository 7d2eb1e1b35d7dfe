"""The one error a user is meant to read, and the exit codes of the commands.

Everything that a user can fix raises `UserError`: what went wrong, where, what was expected, what was found and how
to fix it. Anything else that escapes is a bug in Noria. Read next: types/__init__.py.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

EXIT_USER_ERROR = 2
EXIT_DISK_FULL = 74  # EX_IOERR
EXIT_RUN_IS_LOCKED = 75  # EX_TEMPFAIL
EXIT_DIVERGED = 76  # the loss became NaN or infinite
EXIT_HUNG_UP = 129  # SIGHUP, after saving
EXIT_INTERRUPTED = 130  # SIGINT, after saving
EXIT_TERMINATED = 143  # SIGTERM, after saving


class UserError(Exception):
    """Say what is wrong, where, what was expected and found, how to fix it, and what the setting means.

    `where` is a place a person can open: `photos.csv:17` or `job.yaml:3 train.minutes`.
    """

    def __init__(
        self,
        what: str,
        *,
        where: str = "",
        expected: str = "",
        found: str = "",
        fix: str = "",
        meaning: str = "",
        exit_code: int = EXIT_USER_ERROR,
    ) -> None:
        self.what, self.where, self.expected, self.found, self.fix = what, where, expected, found, fix
        self.meaning = meaning
        self.exit_code = exit_code
        super().__init__(str(self))

    def with_found(self, more: str) -> UserError:
        """Return the error with something that was found besides, such as why records are missing."""
        found = "; ".join(filter(None, (self.found, more)))
        return UserError(
            self.what,
            where=self.where,
            expected=self.expected,
            found=found,
            fix=self.fix,
            meaning=self.meaning,
            exit_code=self.exit_code,
        )

    def __str__(self) -> str:
        lines = [f"{self.where}: {self.what}" if self.where else self.what]
        said = {"expected": self.expected, "found": self.found, "to fix it": self.fix, "meaning": self.meaning}
        for title, text in said.items():
            if text:
                lines.append(f"  {title}: {text}")
        return "\n".join(lines)


class UserErrors(UserError):
    """Carry every problem found in one go, so that a user mends them all at once."""

    def __init__(self, problems: Sequence[UserError]) -> None:
        self.problems = tuple(problems)
        super().__init__("", exit_code=self.problems[0].exit_code)

    def with_found(self, more: str) -> UserError:
        """Return the problems, the first one with something that was found besides."""
        return UserErrors([self.problems[0].with_found(more), *self.problems[1:]])

    def __str__(self) -> str:
        if len(self.problems) == 1:
            return str(self.problems[0])
        return "\n".join([f"{len(self.problems)} problems", *(str(problem) for problem in self.problems)])


def raise_all(problems: Sequence[UserError]) -> None:
    """Raise the problems together; do nothing when there are none."""
    if problems:
        raise problems[0] if len(problems) == 1 else UserErrors(problems)


def raise_unmet(who: str, rules: Mapping[str, tuple[bool, str, object]], place: str = "") -> None:
    """Raise together what settings break: {name: (holds, what is expected, what was found)}.

    Example:
        >>> raise_unmet("the trunk", {"depth": (False, "at least 0", -1)}, "model.")
        UserError: model.depth: the trunk cannot have this depth ...
    """
    raise_all(
        [
            UserError(f"{who} cannot have this {name}", where=f"{place}{name}", expected=rule, found=str(found))
            for name, (holds, rule, found) in rules.items()
            if not holds
        ]
    )


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return a mending sentence with the nearest known word, or the list of them."""
    known = sorted(known)
    if near := nearest(word, known):
        return f"did you mean {near!r}?"
    return f"known: {', '.join(known)}" if known else ""


def nearest(word: str, known: Iterable[str], cutoff: float = 0.6) -> str:
    """Return the known word that is most like this one; empty where none is so like it, of 0 to 1 by difflib."""
    known = sorted(known)
    same = [one for one in known if one.casefold() == word.casefold()]
    return next(iter(same or difflib.get_close_matches(word, known, n=1, cutoff=cutoff)), "")


def first_reason(values: Iterable[Any], read: Callable[[Any], object]) -> str:
    """Return how many values `read` refuses with a ValueError, and why the first one; empty where it refuses none."""
    reasons = []
    for value in values:
        try:
            read(value)
        except ValueError as error:
            reasons.append(str(error))
    return f"{len(reasons)} of them: {reasons[0]}" if reasons else ""


def shown_values(values: Any) -> str:
    """Return how many values there are, and what the first one is, for an error about all of them."""
    first = repr(values[0])[:200] if len(values) else ""
    return f"{len(values)} records" + (f", the first is {first}" if first else "")


def needs_extra(package: str, extra: str, purpose: str) -> UserError:
    """Return the one sentence for an optional package that is not installed."""
    return UserError(f"{purpose} needs the package {package}", fix=how_to_install(extra))


def how_to_install(extra: str) -> str:
    """Return the command that adds an extra to this installation; where it is from no folder that is there, a sentence.

    Never `noria[EXTRA]`: in the package index that name is another project's.
    """
    import json  # here: each command begins with this file, and few end here
    import shlex
    from importlib import metadata
    from pathlib import Path
    from urllib.parse import urlsplit
    from urllib.request import url2pathname

    for found in metadata.distributions(name="noria"):
        origin = json.loads(found.read_text("direct_url.json") or "{}")  # PEP 610
        if "dir_info" not in origin:
            continue
        folder = Path(url2pathname(urlsplit(origin["url"]).path))
        if (folder / "pyproject.toml").is_file():
            editable = "-e " if origin["dir_info"].get("editable") else ""
            return f"pip install {editable}{shlex.quote(f'{folder}[{extra}]')}"
    return f"add the extra {extra} from the folder of the package, not by its name from the package index"
