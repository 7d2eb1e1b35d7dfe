"""A JSON object of a request, read field by field: what is wrong with it is told all at once.

A field that nobody reads is an error, unless it asks for nothing: `passes` says which these are, and with which values.
A field that is null counts as not there, as OpenAI's clients send what they were given back in this way.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from noria.errors import UserError, nearest
from noria.service.request.http_error import HTTPError, raise_all, shown

ANY = None
# Fields that change nothing, and the values with which that is so; ANY of them where it never matters.
Passes: TypeAlias = Mapping[str, Sequence[Any] | None]
MANY = 20  # problems after which no more are told


class Body:
    """The fields of an object. `place` stands before their names in errors: messages[0]."""

    def __init__(self, value: Any, place: str = "", problems: list[HTTPError] | None = None) -> None:
        self._place = place
        self._problems: list[HTTPError] = [] if problems is None else problems
        self._fields: dict[str, Any] = {}
        self._read: set[str] = set()
        if isinstance(value, dict):
            self._fields = {name: one for name, one in value.items() if one is not None}
        else:
            self._tell(place, "this is not an object", "an object", value)

    def has(self, name: str) -> bool:
        """Say whether a field is there."""
        return name in self._fields

    def take(self, name: str) -> Any:
        """Return a field as it is, None where it is not there; it counts as read."""
        self._read.add(name)
        return self._fields.get(name)

    def needed(self, name: str) -> Any:
        """Return a field that must be there."""
        if name not in self._fields:
            self._problems.append(_missing(self._named(name)))
        return self.take(name)

    def text(self, name: str, usual: str = "") -> str:
        """Return a text."""
        value = self.take(name)
        if value is None or isinstance(value, str):
            return usual if value is None else value
        self.wrong(name, "a text", value)
        return usual

    def one_of(self, name: str, known: Sequence[str], usual: str = "") -> str:
        """Return a text that is one of several."""
        value = self.take(name)
        if value is not None and value not in known:
            self.wrong(name, " or ".join(known), value, "unsupported_value")
        return str(value) if value in known else usual

    def flag(self, name: str, usual: bool = False) -> bool:
        """Return true or false."""
        value = self.take(name)
        if value is None or isinstance(value, bool):
            return usual if value is None else value
        self.wrong(name, "true or false", value)
        return usual

    def number(self, name: str, least: float, most: float) -> float | None:
        """Return a number within bounds."""
        value = self.take(name)
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if value is not None and not (is_number and least <= value <= most):
            self.wrong(name, f"a number from {least:g} to {most:g}", value)
        return value if is_number else None

    def whole(self, name: str, least: int, most: int) -> int | None:
        """Return a whole number within bounds."""
        value = self.take(name)
        is_whole = isinstance(value, int) and not isinstance(value, bool)
        if value is not None and not (is_whole and least <= value <= most):
            self.wrong(name, f"a whole number from {least} to {most}", value)
        return value if is_whole else None

    def texts(self, name: str) -> list[str]:
        """Return a text or a list of texts as a list."""
        value = self.take(name)
        found = [value] if isinstance(value, str) else value
        if value is None:
            return []
        if isinstance(found, list) and all(isinstance(one, str) for one in found):
            return found
        self.wrong(name, "a text or a list of texts", value)
        return []

    def object(self, name: str) -> Body | None:
        """Return a field that is an object; None where it is not there."""
        value = self.take(name)
        return None if value is None else self.inside(name, value)

    def objects(self, name: str) -> list[Body]:
        """Return the objects of a list."""
        value = self.take(name)
        if value is not None and not isinstance(value, list):
            self.wrong(name, "a list of objects", value)
        return [self.inside(f"{name}[{i}]", one) for i, one in enumerate(value if isinstance(value, list) else [])]

    def inside(self, name: str, value: Any) -> Body:
        """Return an object that stands in this one, whose problems are told with its own."""
        return Body(value, self._named(name), self._problems)

    def wrong(self, name: str, expected: str, found: Any, code: str = "invalid_value") -> None:
        """Note that a field holds what it cannot hold."""
        self._tell(self._named(name), f"{name} cannot be this", expected, found, code)

    def refuse(self, name: str, why: str, fix: str = "leave it out", code: str = "unsupported_parameter") -> None:
        """Note that a field asks for what is not there."""
        place = self._named(name)
        error = UserError(why, where=place, found=shown(self._fields.get(name)), fix=fix)
        self._problems.append(HTTPError(error, code=code, param=place))

    def end(self, passes: Passes) -> None:
        """Note every field that nobody has read, but for those that ask for nothing."""
        for name in [one for one in self._fields if one not in self._read][:MANY]:
            value, place = self._fields[name], self._named(shown(name))
            if name in passes and ((allowed := passes[name]) is ANY or value in allowed):
                continue
            near = "" if name in passes else nearest(shown(name), {*self._read, *passes})
            error = UserError(
                "this cannot be asked of the model" if name in passes else "there is no such field",
                where=place,
                expected=" or ".join(json.dumps(one) for one in passes.get(name) or ()),
                found=shown(value),
                fix=f"did you mean {near!r}?" if near else "leave it out",
            )
            self._problems.append(HTTPError(error, code="unsupported_parameter", param=place))

    def check(self) -> None:
        """Raise HTTPError for all that was noted."""
        raise_all(self._problems[:MANY])

    def _named(self, name: str) -> str:
        return f"{self._place}.{name}" if self._place else name

    def _tell(self, place: str, what: str, expected: str, found: Any, code: str = "invalid_value") -> None:
        error = UserError(what, where=place or "body", expected=expected, found=shown(found))
        self._problems.append(HTTPError(error, code=code, param=place or None))


def _missing(place: str) -> HTTPError:
    return HTTPError(UserError("this field is missing", where=place), code="missing_required_parameter", param=place)
