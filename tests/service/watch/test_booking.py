"""What a model was asked stands in the ledger: as the metrics count it, for whom, and before the answer is there."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families as parse

from noria.database import open_database
from noria.ledger.audit import check_service
from noria.ledger.booking import totals
from noria.ledger.collecting import collect
from noria.ledger.entry import Entry
from noria.ledger.spool import entry_of
from noria.ledger.till import Till
from noria.pipeline.predictor import Predictor, load
from noria.service.app import make_app
from noria.service.request.exchange import Measured
from noria.service.request.limits import Limits
from noria.service.request.served import Served
from noria.service.watch import booking
from noria.service.watch.booking import Booking
from service.conftest import Ask
from service.test_stream import Endless, app_with, stream_until


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NORIA_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def booked(home: Path) -> list[Entry]:
    """Return what stands in the spool."""
    lines = [line for path in sorted((home / "spool").glob("*.jsonl")) for line in path.read_bytes().splitlines()]
    found = [entry_of(line) for line in lines]
    return [one for one in found if one is not None and one.about.activity == "serve"]


def sums(entries: list[Entry]) -> Counter[str]:
    found: Counter[str] = Counter()
    for (_, name, *_), amount in totals(entries).items():
        found[name] += amount
    return found


def metrics(text: str) -> dict[str, float]:
    found: Counter[str] = Counter()
    for family in parse(text):
        for sample in family.samples:
            found[sample.name] += sample.value
    return found


@pytest.fixture(scope="module")
def writer(trained: Any) -> Predictor:
    return load(trained("text-generation"), device="cpu")


def test_the_sums_of_the_ledger_are_those_of_the_metrics(home: Path, writer: Predictor, ask: Ask) -> None:
    app = make_app(writer, Limits(answer_tokens=64))
    record = {"prompt": "To be, or not"}
    for tokens in (3, 7):
        ask(app, "POST", "/stream", json={"record": record, "settings": {"max_tokens": tokens, "seed": 1}})
    ask(app, "POST", "/predict", json={"records": [record, record]})
    ask(app, "POST", "/predict", json={"records": "none"})
    told, found = metrics(ask(app, "GET", "/metrics").text), sums(booked(home))
    assert found["predictions"] == told["noria_records_total"] > 0
    assert found["tokens_read"] == told["noria_prompt_tokens_total"]
    assert found["tokens_written"] == told["noria_generated_tokens_total"] > 0
    assert 0 < found["model_micros"] <= told["noria_model_seconds_sum"] * 1e6 + 10


def test_the_check_of_the_ledger_takes_what_a_service_tells_until_then(home: Path, writer: Predictor, ask: Ask) -> None:
    app, body = make_app(writer), {"records": [{"prompt": "To be, or not"}]}
    texts = []
    for _ in range(2):
        assert ask(app, "POST", "/predict", json=body).status_code == 200
        texts.append(ask(app, "GET", "/metrics").text)
    texts.append(texts[-1].replace('process="', 'process="another-'))
    database = open_database()
    collect(database)
    found = [database.transact(lambda to, text=text: check_service(to, text), writes=False) for text in texts]
    assert [bool(one.wrong) for one in found] == [False, False, True]
    database.close()


def test_an_entry_names_the_model_its_version_and_the_key_and_no_address(
    home: Path, predictor: Predictor, pictures: list[bytes], ask: Ask
) -> None:
    app = make_app(predictor)
    assert ask(app, "POST", "/predict", files={"image": ("a.png", pictures[0])}).status_code == 200
    (entry,) = booked(home)
    assert (entry.about.model, entry.about.activity, entry.about.client) == ("small-digits", "serve", "")
    assert entry.about.version == predictor.bundle.digest[:12]
    assert entry.quantities["predictions"] == 1


def test_an_answer_that_was_got_is_booked_when_the_server_is_killed(
    home: Path, run: Path, pictures: list[bytes], tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "noria.cli", "serve", f"digits={run}", "--port", "0"]
    log = tmp_path / "log"
    with log.open("w") as file:
        process = subprocess.Popen(command, stdout=file, stderr=file, env={**os.environ, "NORIA_KEY": "k" * 20})
    try:
        end = time.monotonic() + 240
        while "(Ctrl-C stops)" not in log.read_text():
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < end
            time.sleep(0.05)
        address = log.read_text().split("page to try them: ")[1].split("/   ")[0]
        with httpx.Client(headers={"Authorization": f"Bearer {'k' * 20}"}, timeout=60) as client:
            for _ in range(5):
                answer = client.post(f"{address}/predict/digits", files={"image": ("a.png", pictures[0])})
                assert answer.status_code == 200, answer.text
            process.send_signal(signal.SIGKILL)
    finally:
        process.kill()
        process.wait(60)
    database = open_database(str(tmp_path / "a.db"))
    assert len(booked(home)) == 5
    collect(database)
    rows = database.transact(lambda to: to.run("select client, quantities from entry where activity = 'serve'"))
    assert [json.loads(quantities)["predictions"] for _, quantities in rows] == [1] * 5
    assert {client for client, _ in rows} != {"127.0.0.1"}
    database.close()


def test_an_answer_is_booked_before_its_last_byte_goes_out(
    home: Path, predictor: Predictor, pictures: list[bytes], ask: Ask
) -> None:
    app, seen = make_app(predictor), []

    async def watched(scope: Any, receive: Any, send: Any) -> None:
        async def noted(message: Any) -> None:
            if message["type"] == "http.response.body" and not message.get("more_body"):
                seen.append(len(booked(home)))
            await send(message)

        await app(scope, receive, noted)

    assert ask(watched, "POST", "/predict", files={"image": ("a.png", pictures[0])}).status_code == 200
    assert seen == [1]


def test_the_time_of_a_model_is_booked_as_the_share_of_the_machine_that_its_threads_take(home: Path) -> None:
    booking = Booking(Till(), lambda name: {"digits": 3}[name])
    booking.book({"state": {"served": Served("predict", "digits", measured=Measured())}})  # not begun
    measured = Measured(batch=1, records=2, own_seconds=4.0)
    booking.book({"state": {"served": Served("predict", "digits", measured=measured)}})
    (entry,) = booked(home)
    assert entry.quantities["model_micros"] == 4 * 10**6
    assert entry.quantities["machine_micros"] == round(4e6 * 3 / (os.cpu_count() or 1))


def test_a_stream_that_is_cut_off_is_booked_with_what_was_written(home: Path, writer: Predictor, ask: Ask) -> None:
    app = app_with(Endless(writer), writer)
    got = asyncio.run(stream_until(app, lambda count: count >= 20))
    (entry,) = booked(home)
    told = metrics(ask(app, "GET", "/metrics").text)
    assert entry.quantities["tokens_written"] == told["noria_generated_tokens_total"] >= got
    assert entry.quantities["model_micros"] > 0
    assert "predictions" not in entry.quantities


def test_a_machine_that_has_no_room_for_a_process_is_tried_again(
    home: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    started = []

    async def start(*words: str, **_: Any) -> Any:
        started.append(words)
        if len(started) == 1:
            raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")
        raise KeyError("enough")

    monkeypatch.setattr(booking, "COLLECT_SECONDS", 0.0)
    monkeypatch.setattr(asyncio, "create_subprocess_exec", start)
    with pytest.raises(KeyError):
        asyncio.run(booking.collect_now_and_then())
    assert "no process can be started to collect it" in caplog.text
