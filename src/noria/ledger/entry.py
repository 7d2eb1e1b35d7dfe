"""An entry of the ledger: what happened, in quantities, and what it means in money, in postings that sum to zero.

Money is counted in millionths of the currency's unit, as integers. A posting above zero adds to what its account is
named after: `cost:compute` grows with what was spent, `value:expected` with what is earned. What stands against it goes
to a clearing account, so that every entry sums to zero and a lost posting is found.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

COMPUTE, ENERGY, STORAGE, TOKENS = "cost:compute", "cost:energy", "cost:storage", "cost:tokens"
EXPECTED, REALISED = "value:expected", "value:realised"  # before and after feedback; never added up
COSTS, VALUES = "clearing:cost", "clearing:value"  # what stands against costs, and against values
ACCOUNTS = (COMPUTE, ENERGY, STORAGE, TOKENS, EXPECTED, REALISED, COSTS, VALUES)
MICRO = 1_000_000
MOST = 10**18  # of an amount or a quantity: a column holds nine times that
END_OF_TIME = 253_402_300_800  # the year 10000, which no day has a name of


@dataclass(frozen=True)
class About:
    """What an entry is about.

    model, version: as they are served. job: of what training, batch or service. client: the name of a key. activity:
    train, tune, evaluate, predict, serve, batch, storage, feedback.
    """

    model: str = ""
    version: str = ""
    job: str = ""
    client: str = ""
    activity: str = ""

    def __post_init__(self) -> None:
        make_plain(self, DIMENSIONS)


DIMENSIONS = tuple(one.name for one in fields(About))


@dataclass(frozen=True)
class Posting:
    """A change of one account, in millionths of the currency's unit."""

    account: str
    micro: int


@dataclass(frozen=True)
class Entry:
    """One thing that happened. Raises ValueError where its postings do not sum to zero or name an account twice.

    What no table can hold is refused as well, for it would hold up all entries behind it; of a text it is spelled out.
    key: its own; the same key twice is booked once. time: seconds since 1970, UTC. quantities: by name, such as
    predictions, tokens_read, machine_micros; they are summed as the money is. basis: whether its prices are assumed,
    stated by the user, or stated with power that was measured.
    """

    key: str
    time: float
    about: About = field(default_factory=About)
    quantities: Mapping[str, int] = field(default_factory=dict)
    postings: tuple[Posting, ...] = ()
    currency: str = ""
    basis: str = ""

    def __post_init__(self) -> None:
        make_plain(self, ("key", "currency", "basis"))
        amounts = [*self.quantities.values(), *(one.micro for one in self.postings)]
        if not 0 <= self.time < END_OF_TIME or not all(-MOST <= one <= MOST for one in amounts):
            raise ValueError(
                f"the entry {self.key!r} has a time or an amount that no table holds: {self.time}, {amounts}"
            )
        object.__setattr__(self, "postings", tuple(sorted(self.postings, key=lambda one: one.account)))
        accounts = [one.account for one in self.postings]
        if sum(one.micro for one in self.postings) != 0 or len(set(accounts)) < len(accounts):
            raise ValueError(f"the entry {self.key} is not balanced: {self.postings}")
        unknown = [one for one in accounts if one not in ACCOUNTS]
        if unknown or not self.key:
            raise ValueError(f"the entry {self.key!r} names no key, or accounts that do not exist: {unknown}")

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON."""
        content: dict[str, Any] = {"key": self.key, "time": self.time}
        content["about"] = {name: value for name, value in vars(self.about).items() if value}
        content["quantities"] = dict(self.quantities)
        content["postings"] = {one.account: one.micro for one in self.postings}
        return content | {"currency": self.currency, "basis": self.basis}

    @classmethod
    def of_json(cls, content: Mapping[str, Any]) -> Entry:
        """Return the entry of JSON; raise ValueError, TypeError or KeyError where it is none."""
        postings = tuple(Posting(str(account), int(micro)) for account, micro in content["postings"].items())
        quantities = {str(name): int(value) for name, value in content["quantities"].items()}
        about, when = About(**content["about"]), float(content["time"])
        return cls(str(content["key"]), when, about, quantities, postings, content["currency"], content["basis"])

    def reversed(self, time: float) -> Entry:
        """Return the entry that takes this one back."""
        postings = tuple(Posting(one.account, -one.micro) for one in self.postings)
        quantities = {name: -value for name, value in self.quantities.items()}
        return Entry(f"reversal:{self.key}", time, self.about, quantities, postings, self.currency, self.basis)


def plain(text: str) -> str:
    """Return a text as every database takes it: what is not UTF-8, as in the name of a folder, is spelled out."""
    return text.encode("utf-8", "backslashreplace").decode().replace("\0", "\\0")


def make_plain(record: object, names: Iterable[str]) -> None:
    """Make fields of a frozen record plain, as it is made. Raises AttributeError where one is no text."""
    for name in names:
        object.__setattr__(record, name, plain(getattr(record, name)))


def values_of(about: About) -> tuple[str, ...]:
    """Return what an entry is about, in the order of DIMENSIONS."""
    return tuple(vars(about).values())
