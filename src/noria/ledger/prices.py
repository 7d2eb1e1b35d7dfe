"""Prices: what a second of a machine, a kilowatt-hour, a token and a stored byte cost, from prices.yaml.

    currency: EUR
    machine_hour: 0.10
    machines: {gpu-1: {machine_hour: 2.50, watts: 700}}
    jobs: {digits: {million_tokens_written: 4}}

It stands in $NORIA_HOME. A price that changes counts for what happens from then on; what was booked stays as it is.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass, replace
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from noria.database.home import home
from noria.errors import UserError, UserErrors
from noria.ledger.entry import COMPUTE, COSTS, ENERGY, MICRO, STORAGE, TOKENS, About, Entry, Posting
from noria.ledger.power import Power

FILE = "prices.yaml"
ASSUMED, STATED, MEASURED = "assumed", "stated", "measured"
HOUR_S = 3600
DAYS_A_MONTH = 30.4375
JOULES_A_KWH = 3_600_000
MOST_RATE = 1e7  # of a price, and of watts: what an hour comes to is far from the end of what a table holds


class Rates(BaseModel):
    """What things cost, in units of the currency."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    machine_hour: float | None = Field(None, ge=0, le=MOST_RATE, allow_inf_nan=False)
    kwh: float | None = Field(None, ge=0, le=MOST_RATE, allow_inf_nan=False)
    watts: float | None = Field(None, ge=0, le=MOST_RATE, allow_inf_nan=False)
    million_tokens_read: float | None = Field(None, ge=0, le=MOST_RATE, allow_inf_nan=False)
    million_tokens_written: float | None = Field(None, ge=0, le=MOST_RATE, allow_inf_nan=False)
    gb_month: float | None = Field(None, ge=0, le=MOST_RATE, allow_inf_nan=False)


class _File(Rates):
    currency: str = Field("USD", pattern="^[A-Z]{3}$")
    machines: dict[str, Rates] = Field(default_factory=dict)
    jobs: dict[str, Rates] = Field(default_factory=dict)


# A virtual machine of 2 cores and 8 GB, electricity and object storage as large providers list them, 2026; the watts of
# a small server under load. Tokens cost nothing beyond the machine's time unless somebody says so.
USUAL = Rates(
    machine_hour=0.10, kwh=0.20, watts=65, million_tokens_read=0, million_tokens_written=0, gb_month=0.02
)  # fmt: skip


@dataclass(frozen=True)
class Prices:
    """The prices that count now, on this machine."""

    given: _File
    basis: str
    machine: str
    power: Power

    @classmethod
    def load(cls, path: Path | None = None, machine: str | None = None) -> Prices:
        """Read prices.yaml of $NORIA_HOME; without one, prices are assumed and marked so. Raises UserError."""
        path = path or _usual_path()
        given, basis = (_read(path), STATED) if path is not None and path.exists() else (_File(), ASSUMED)
        return cls(given, basis, machine or socket.gethostname(), Power.here())

    @property
    def currency(self) -> str:
        """Return the currency, as EUR."""
        return self.given.currency

    def rates(self, run: str = "") -> dict[str, float]:
        """Return what counts for a run: its own prices, else the machine's, else everybody's, else the usual."""
        found: dict[str, float] = {}
        for one in (USUAL, self.given, self.given.machines.get(self.machine), self.given.jobs.get(run)):
            known = {name: getattr(one, name) for name in Rates.model_fields} if one is not None else {}
            found |= {name: value for name, value in known.items() if value is not None}
        return found

    def entry(
        self, key: str, time: float, about: About, quantities: Mapping[str, int],
        carried: MutableMapping[str, float] | None = None,
    ) -> Entry:  # fmt: skip
        """Return the entry of what was used.

        quantities: machine_micros (microseconds of the whole machine), tokens_read, tokens_written, byte_days cost
        something; any others are booked beside them. carried: what rounding left by account, which is added here and
        left there again, so that many small amounts sum up to what they come to.
        """
        rates = self.rates(about.model or about.job)  # a model has the name of its run, wherever it works
        watts, is_measured = self.power.watts(rates["watts"])
        machine_s = quantities.get("machine_micros", 0) / MICRO
        joules = machine_s * watts
        tokens = [quantities.get(f"tokens_{way}", 0) * rates[f"million_tokens_{way}"] for way in ("read", "written")]
        exact = {  # millionths
            COMPUTE: machine_s * rates["machine_hour"] / HOUR_S * MICRO,
            ENERGY: joules / JOULES_A_KWH * rates["kwh"] * MICRO,
            TOKENS: sum(tokens),  # a price per million tokens, in millionths per token
            STORAGE: quantities.get("byte_days", 0) / 1e9 / DAYS_A_MONTH * rates["gb_month"] * MICRO,
        }
        rounded = {account: _rounded(account, micro, carried) for account, micro in exact.items()}
        postings = [Posting(account, micro) for account, micro in rounded.items() if micro]
        if total := sum(rounded.values()):
            postings.append(Posting(COSTS, -total))
        basis = MEASURED if is_measured and self.basis == STATED else self.basis
        energy = {"millijoules": round(joules * 1000)} if joules else {}
        return Entry(key, time, about, {**quantities, **energy}, tuple(postings), self.currency, basis)

    def on(self, machine: str) -> Prices:
        """Return the prices on another machine, whose power nobody measures here."""
        return replace(self, machine=machine, power=Power())


def _usual_path() -> Path | None:
    """Return where the prices stand; None where the home folder cannot be made, which stops no work."""
    try:
        return home() / FILE
    except UserError:
        return None


def _rounded(account: str, micro: float, carried: MutableMapping[str, float] | None) -> int:
    exact = micro + (carried.get(account, 0.0) if carried is not None else 0.0)
    if carried is not None:
        carried[account] = exact - round(exact)
    return round(exact)


def _read(path: Path) -> _File:
    try:
        return _File.model_validate(yaml.safe_load(path.read_text("utf-8")) or {})
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UserError("the prices cannot be read", where=str(path), found=str(error)) from error
    except ValidationError as error:
        raise UserErrors(
            [
                UserError(
                    one["msg"],
                    where=f"{path} {'.'.join(map(str, one['loc']))}".strip(),
                    found=repr(one["input"])[:80],
                    fix="noria ledger prices shows what may stand there",
                )
                for one in error.errors()
            ]
        ) from error
