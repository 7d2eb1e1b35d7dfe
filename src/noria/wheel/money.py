"""Amounts of money as people read them; counted are integer micro-units."""

from __future__ import annotations

from dataclasses import dataclass

from noria.contract.payoffs import MICRO

CENT = MICRO // 100


@dataclass(frozen=True)
class Money:
    """A currency, called with an amount in micro-units.

    >>> Money("EUR")(12_500_000)
    '12.50 EUR'
    """

    currency: str

    def __call__(self, micro: int) -> str:
        """Return an amount with its currency; below a cent with the digits that tell it."""
        is_small = 0 < abs(micro) < CENT
        return f"{micro / MICRO:,.6f}".rstrip("0") + f" {self.currency}" if is_small else self._plain(micro)

    def _plain(self, micro: int) -> str:
        return f"{micro / MICRO:,.2f} {self.currency}"
