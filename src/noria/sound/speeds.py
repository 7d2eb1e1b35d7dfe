"""How fast a voice may speak, as a factor of its usual speed: the rule of a setting, and what a request may ask."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from noria.errors import UserError


@dataclass(frozen=True)
class Speeds:
    """The slowest and the fastest that a voice can do."""

    least: float
    most: float

    def rule(self, speed: float) -> tuple[bool, str, float]:
        """Return whether a setting is met, what is expected, and what was found: for errors.raise_unmet."""
        return self.least <= speed <= self.most, self._expected, speed

    def asked(self, settings: Mapping[str, Any], usual: float) -> float:
        """Return how fast a request wants it said; raise UserError for another setting and for no speed."""
        if others := sorted(settings.keys() - {"speed"}):
            raise UserError("a voice has no such setting", where=others[0], expected="speed", found=others[0])
        speed = settings.get("speed", usual)
        if isinstance(speed, bool) or not isinstance(speed, int | float) or not self.least <= speed <= self.most:
            raise UserError("this is no speed", where="speed", expected=self._expected, found=str(speed))
        return float(speed)

    def schema(self) -> dict[str, Any]:
        """Return the JSON schema of what a request may ask."""
        speed = {"type": "number", "minimum": self.least, "maximum": self.most}
        return {"type": "object", "properties": {"speed": speed}, "additionalProperties": False}

    @property
    def _expected(self) -> str:
        return f"{self.least:g} to {self.most:g}, 1 as usual"
