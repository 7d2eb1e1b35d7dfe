"""What the seconds of a turn cost, by the ledger's prices. Training books itself; the other steps are booked here."""

from __future__ import annotations

from dataclasses import dataclass

from noria.contract.payoffs import MICRO
from noria.ledger import About, Entry, Prices
from noria.wheel.money import Money


@dataclass(frozen=True)
class Costs:
    """Prices for the wheel of a model, which is called as its run is."""

    prices: Prices
    model: str

    @property
    def money(self) -> Money:
        """Return how amounts are shown."""
        return Money(self.prices.currency)

    def of(self, seconds: float) -> int:
        """Return what seconds of this machine cost, in micro-units."""
        return sum(one.micro for one in self.entry("forecast", 0.0, seconds).postings if one.micro > 0)

    def seconds_of(self, micro: int) -> float:
        """Return how many seconds of this machine an amount pays for; endless where they cost nothing."""
        hour = self.of(3600)
        return micro / hour * 3600 if hour else float("inf")

    def entry(self, key: str, time: float, seconds: float) -> Entry:
        """Return the ledger's entry of seconds of a step."""
        about = About(self.model, job=self.model, activity="wheel")
        return self.prices.entry(key, time, about, {"machine_micros": round(seconds * MICRO)})
