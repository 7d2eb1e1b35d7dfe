"""The file of prices for people: what counts now, and a first file with comments."""

from __future__ import annotations

from pathlib import Path

from noria.database.home import ADVICE, home
from noria.errors import UserError
from noria.ledger.prices import FILE, USUAL, Prices
from noria.store.disk import replace_file

TEMPLATE = """# What things cost. It counts for what happens from now on; what was booked stays as it is.
currency: USD               # as three letters; values in another one are never added to these costs
machine_hour: {machine_hour}           # an hour of the whole machine; of its cores the share that is used is booked
kwh: {kwh}                    # a kilowatt-hour of electricity
watts: {watts}                   # of the machine under load, where the processor's counters cannot be read
million_tokens_read: {million_tokens_read}      # beyond the machine's time, as of a model that is rented
million_tokens_written: {million_tokens_written}
gb_month: {gb_month}              # a gigabyte (10^9 bytes) stored for a month
# machines:                 # by the name of the host: what it says counts before the above
#   gpu-1: {{machine_hour: 2.50, watts: 700}}
# jobs:                     # by the name of the run: counts before the machine
#   digits: {{machine_hour: 0.05}}
"""


def told() -> dict[str, object]:
    """Return the prices that count on this machine, and whether somebody stated them."""
    prices = Prices.load()
    watts, is_measured = prices.power.watts(prices.rates()["watts"])
    power = {"watts": watts, "watts_measured": is_measured or prices.power.counter is not None}
    return {"file": str(home() / FILE), "basis": prices.basis, "currency": prices.currency, **prices.rates(), **power}


def write_template() -> str:
    """Write a first file of prices; return what to say. Raises UserError where there is one."""
    path: Path = home() / FILE
    if path.exists():
        raise UserError("there are prices already", where=str(path), fix="change them in this file")
    replace_file(path, TEMPLATE.format(**USUAL.model_dump()).encode(), ADVICE)
    return f"wrote {path}: what it says counts from now on"
