from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from noria.errors import UserError
from noria.ledger import About, Prices
from noria.ledger.power import Power


def prices_of(folder: Path, text: str, machine: str = "here") -> Prices:
    (folder / "prices.yaml").write_text(text)
    return Prices.load(folder / "prices.yaml", machine)


def amounts(prices: Prices, about: About | None = None, **quantities: int) -> dict[str, int]:
    entry = prices.entry("a", 0.0, about or About(), quantities)
    return {one.account: one.micro for one in entry.postings}


def test_an_hour_of_a_machine_costs_its_price_and_its_energy(tmp_path: Path) -> None:
    prices = prices_of(tmp_path, "{currency: EUR, machine_hour: 2, kwh: 0.5, watts: 100}")
    assert amounts(prices.on("here"), machine_micros=3600 * 10**6) == {
        "cost:compute": 2_000_000,
        "cost:energy": 50_000,
        "clearing:cost": -2_050_000,
    }


def test_a_job_has_its_own_prices_before_the_machine_and_the_machine_before_all(tmp_path: Path) -> None:
    text = "machine_hour: 1\nmachines: {gpu: {machine_hour: 5}}\njobs: {digits: {machine_hour: 9}}\nkwh: 0"
    hour = {"machine_micros": 3600 * 10**6}
    assert amounts(prices_of(tmp_path, text), **hour)["cost:compute"] == 1_000_000
    assert amounts(prices_of(tmp_path, text, "gpu"), **hour)["cost:compute"] == 5_000_000
    assert amounts(prices_of(tmp_path, text, "gpu"), About("digits"), **hour)["cost:compute"] == 9_000_000
    assert amounts(prices_of(tmp_path, text), About("digits", job="serve"), **hour)["cost:compute"] == 9_000_000


def test_tokens_and_stored_bytes_have_prices(tmp_path: Path) -> None:
    prices = prices_of(tmp_path, "{million_tokens_read: 2, million_tokens_written: 8, gb_month: 0.02}")
    assert amounts(prices, tokens_read=1000, tokens_written=100)["cost:tokens"] == 2000 + 800
    assert amounts(prices, byte_days=10**9)["cost:storage"] == round(0.02e6 / 30.4375)


def test_many_amounts_too_small_to_be_counted_sum_up_to_what_they_come_to(tmp_path: Path) -> None:
    prices = prices_of(tmp_path, "{machine_hour: 0.1, kwh: 0}")
    carried: dict[str, float] = {}
    entries = [prices.entry(str(one), 0.0, About(), {"machine_micros": 1000}, carried) for one in range(10_000)]
    total = sum(one.micro for entry in entries for one in entry.postings if one.account == "cost:compute")
    assert total == round(10 / 3600 * 0.1 * 10**6)


def test_without_a_file_prices_are_assumed_and_marked_so(tmp_path: Path) -> None:
    prices = Prices.load(tmp_path / "prices.yaml")
    assert prices.entry("a", 0.0, About(), {"machine_micros": 10**6}).basis == "assumed"
    assert prices_of(tmp_path, "{watts: 5}").on("x").entry("a", 0.0, About(), {}).basis == "stated"


def test_measured_power_is_used_and_marked_where_the_counters_can_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "intel-rapl:0"
    (package / "intel-rapl:0:0").mkdir(parents=True)
    for name, text in {"name": "package-0", "max_energy_range_uj": "1000000000", "energy_uj": "999000000"}.items():
        (package / name).write_text(text)
    clock = [100.0]
    monkeypatch.setattr("noria.ledger.power.time.monotonic", lambda: clock[0])
    power = Power.here(tmp_path)
    assert power.watts(65) == (65, False)  # nothing is known in the first second
    clock[0] += 2
    (package / "energy_uj").write_text("79000000")  # the counter has begun again at zero
    watts, is_measured = power.watts(65)
    assert is_measured
    assert watts == pytest.approx(40, rel=1e-3)
    stated = replace(prices_of(tmp_path, "{kwh: 1}"), power=power)
    assert stated.entry("a", 0.0, About(), {"machine_micros": 10**6}).quantities["millijoules"] == 40_000
    assert stated.entry("a", 0.0, About(), {}).basis == "measured"
    assert replace(stated, basis="assumed").entry("a", 0.0, About(), {}).basis == "assumed"


@pytest.mark.parametrize(
    ("text", "words"),
    [("{machine_hour: -1}", "machine_hour"), ("{currency: euro}", "currency"), ("{kWh: 1}", "kWh"), ("[", "cannot be")],
)
def test_prices_that_are_wrong_are_told_by_their_place(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(UserError, match=words):
        prices_of(tmp_path, text)


def test_a_price_beyond_what_can_be_summed_up_is_refused(tmp_path: Path) -> None:
    (tmp_path / "prices.yaml").write_text("machine_hour: 1.0e+15\n")
    with pytest.raises(UserError, match="10000000"):
        Prices.load(tmp_path / "prices.yaml")
