"""From answers to value: served or in a batch, told of, and in the ledger what a person reckons by hand."""

from __future__ import annotations

import asyncio
import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from typer.testing import CliRunner

from noria.batch.tables import batch_database
from noria.cli import app as commands
from noria.database import open_database
from noria.errors import UserError
from noria.ledger import audit
from noria.ledger.answers import Valuing, know
from noria.ledger.collecting import collect
from noria.ledger.statement import Row, statement
from noria.pipeline.predictor import Predictor, load
from noria.reporter import Silent
from noria.service.app import app_of, make_app
from noria.service.door.door import Door
from noria.service.door.manage_keys import manage_keys
from noria.stages.train import train
from service.batches.server import serving, whole

Ask = Callable[..., httpx.Response]
OFFER, SALE = -1.0, 4.0  # what an offer costs, and what one to the right person brings
RECORDS = [{"x": x, "y": 0} for x in (-3, -1, 0, 1, 3)]
TRUTHS = ["low", "low", "high", "low", "high"]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Predictor:
    """Train who gets an offer, by what that earns."""
    folder = tmp_path_factory.mktemp("offer")
    generator = np.random.default_rng(0)
    x = generator.normal(0, 1, 300)
    is_high = x + generator.normal(0, 0.5, 300) > 0.5
    with (folder / "a.csv").open("w", newline="", encoding="utf-8") as file:
        rows = [[round(float(one), 3), 0, "high" if high else "low"] for one, high in zip(x, is_high, strict=True)]
        csv.writer(file).writerows([["x", "y", "label"], *rows])
    job = {
        "task": "tabular-classification",
        "data": {"path": str(folder / "a.csv"), "split": {"validation": 0.3, "test": 0.3}},
        "model": {"width": 16, "heads": 2, "depth": 0},
        "train": {"steps": 20, "batch_size": 16, "precision": "float32"},
        "evaluate": {"resamples": 100},
        "value": {"currency": "USD", "matrix": {"low": {"high": OFFER}, "high": {"high": SALE}}},
    }
    return load(train(job, run=folder / "offer", reporter=Silent()))


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NORIA_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def by_hand(answers: list[str], truths: list[str]) -> float:
    offered = [truth for one, truth in zip(answers, truths, strict=True) if one == "high"]
    return sum(SALE if truth == "high" else OFFER for truth in offered)


def booked(activity: str) -> Row:
    database = open_database()
    collect(database)
    assert not any(one.wrong for one in database.transact(audit.check, writes=False))
    rows = database.transact(lambda to: statement(to, ["activity"]), writes=False)
    database.close()
    return next((one for one in rows if one.group["activity"] == activity), Row({}, ""))


def asked(ask: Ask, app: Any, **headers: str) -> tuple[str, list[dict[str, Any]]]:
    body = {"records": [{"table": one} for one in RECORDS]}
    answer = ask(app, "POST", "/predict", json=body, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.headers["x-request-id"], answer.json()["predictions"]


def test_answers_that_are_served_have_their_value_once_the_truth_is_told(
    home: Path, model: Predictor, ask: Ask
) -> None:
    app = make_app(model)
    request, answers = asked(ask, app)
    assert {one["value"] for one in answers} == {"low", "high"}
    served = booked("serve")
    assert served.expected == round(1e6 * sum(one["expected_value"] for one in answers))
    assert served.predictions == served.amounts["valued"] == 5
    told = [{"id": f"{request}/{index}", "label": one} for index, one in enumerate(TRUTHS)]
    taken = ask(app, "POST", "/feedback", json=[*told, {"id": "nobody/0", "label": "low"}, told[0]]).json()
    assert (taken["new"], taken["repeated"], taken["unknown"]) == (5, 1, 1)
    assert taken["not_taken"][0]["where"] == "feedback[5]"
    again = ask(app, "POST", "/feedback", json={"id": f"{request}/0", "label": "high"}).json()
    assert again["conflicting"] == 1
    odd = ask(app, "POST", "/feedback", json={"id": f"{request}/1", "label": "purple"}).json()
    assert odd["unreadable"] == 1
    assert booked("feedback").realised == 1e6 * by_hand([one["value"] for one in answers], TRUTHS)


def test_feedback_comes_before_anything_was_collected(home: Path, model: Predictor, ask: Ask) -> None:
    app = make_app(model)
    request, _ = asked(ask, app)
    path, truth = f"/feedback/{model.bundle.path.parent.name}", {"id": f"{request}/4", "label": "high"}
    assert ask(app, "POST", path, json=truth).json()["new"] == 1


@pytest.mark.parametrize("text", [None, '{"job": {"task": "of-a-later-version"}, "states": {}, "arrays": ""}'])
def test_an_answer_that_nobody_can_value_keeps_no_other_from_its_value(
    home: Path, model: Predictor, ask: Ask, text: str | None
) -> None:
    app = make_app(model)
    request, _ = asked(ask, app)
    booked("serve")
    database = open_database()
    columns = "model, 'x', job, client, activity, currency, data"
    other = f"insert into answers select 'other', first, count, time, {columns} from answers"
    database.transact(lambda to: to.run(other))
    if text is not None:
        database.transact(lambda to: know(to, Valuing("x", text)))
    database.close()
    told = [{"id": "other/0", "label": "low"}, {"id": f"{request}/0", "label": "low"}]
    taken = ask(app, "POST", "/feedback", json=told).json()
    assert (taken["new"], taken["unreadable"]) == (1, 1)
    assert "cannot be told" in taken["not_taken"][0]["reason"]


@pytest.mark.parametrize(
    "body", [{"id": 3, "label": "a"}, {"id": "a/0"}, ["a"], "a", {"id": "a/0", "label": 1, "x": 2}]
)
def test_what_is_no_feedback_is_refused_with_its_place(home: Path, model: Predictor, ask: Ask, body: Any) -> None:
    answer = ask(make_app(model), "POST", "/feedback", json=body)
    assert answer.status_code == 400
    assert "feedback[0]" in answer.json()["error"]["message"]


def test_a_key_tells_of_its_own_answers_alone_and_reads_the_ledger_only_where_it_may(
    home: Path, model: Predictor, ask: Ask, tmp_path: Path
) -> None:
    name = model.bundle.path.parent.name
    file = tmp_path / "keys.yaml"
    shop = manage_keys("add", "shop", file)
    bank = manage_keys("add", "bank", file, models=[name], verbs=["predict", "metrics"])
    app = app_of(make_app(model).state.service, Door(keys=file))
    request, _ = asked(ask, app, Authorization=f"Bearer {shop}")
    truth = {"id": f"{request}/4", "label": "high"}

    def of(key: str, method: str, path: str, **more: Any) -> httpx.Response:
        return ask(app, method, path, headers={"Authorization": f"Bearer {key}"}, **more)

    assert of(bank, "POST", "/feedback", json=truth).json()["unknown"] == 1
    assert of(shop, "POST", "/feedback", json=truth).json()["new"] == 1
    assert of(shop, "GET", "/ledger").status_code == 403
    assert of(bank, "GET", "/ledger").status_code == 403
    page = of(bank, "GET", f"/ledger?model={name}")
    assert page.status_code == 200
    assert "Realised value" in page.text
    assert "script" not in page.headers["content-security-policy"]
    assert ask(app, "GET", "/ledger").status_code == 401


def test_the_page_of_the_ledger_is_json_where_that_is_asked_for(home: Path, model: Predictor, ask: Ask) -> None:
    app = make_app(model)
    asked(ask, app)
    rows = ask(app, "GET", "/ledger?by=activity", headers={"Accept": "application/json"}).json()
    assert sum(one["predictions"] for one in rows if one["activity"] == "serve") == 5
    wrong = ask(app, "GET", "/ledger?by=modle")
    assert wrong.status_code == 400
    assert "model" in wrong.json()["error"]["message"]
    no_day = ask(app, "GET", "/ledger?since=yesterday")
    assert no_day.status_code == 400
    assert "2027-01-31" in no_day.json()["error"]["message"]


def test_the_lines_of_a_batch_have_their_value_once_the_truth_is_told(home: Path, model: Predictor) -> None:
    name = model.bundle.path.parent.name
    body = {"records": [{"table": one} for one in RECORDS]}
    lines = [{"custom_id": one, "method": "POST", "url": f"/predict/{name}", "body": body} for one in "ab"]

    async def scenario() -> None:
        async with serving(model, name=name) as client:
            _, answers, _ = await client.run(lines, endpoint=f"/predict/{name}")
            told = [
                {"id": f"{line['id']}/{index}", "label": truth}
                for line in answers
                for index, truth in enumerate(TRUTHS)
            ]
            assert whole(await client.http.post("/feedback", json=told))["new"] == 10
            values = [one["value"] for line in answers for one in line["response"]["body"]["predictions"]]
            expected = [one["expected_value"] for line in answers for one in line["response"]["body"]["predictions"]]
            assert booked("feedback").realised == 1e6 * by_hand(values, TRUTHS * 2)
            assert booked("batch").expected == round(1e6 * sum(expected))

    asyncio.run(scenario())


def test_a_batch_keeps_its_answers_by_job_and_row_and_a_table_of_truths_gives_them_their_value(
    home: Path, model: Predictor, tmp_path: Path
) -> None:
    with (tmp_path / "new.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["x", "y"], *([one["x"], one["y"]] for one in RECORDS)])
    run, new, out = (str(one) for one in (model.bundle.path.parent, tmp_path / "new.csv", tmp_path / "out.jsonl"))
    submitted = CliRunner().invoke(commands, ["batch", "submit", run, new, "--out", out])
    assert submitted.exit_code == 0, submitted.output
    answers = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text("utf-8").splitlines()]
    database = batch_database()
    ((job,),) = database.transact(lambda to: to.run("select id from batch_job"), writes=False)
    database.close()
    with (tmp_path / "truths.csv").open("w", newline="", encoding="utf-8") as file:
        rows = [[f"{job}/{row}", truth] for row, truth in enumerate(TRUTHS, 1)]
        csv.writer(file).writerows([["answer", "was"], *rows])
    ask = ["feedback", str(tmp_path / "truths.csv"), "--id", "answer", "--label"]
    told = CliRunner().invoke(commands, [*ask, "was", "--json"])
    assert json.loads(told.output)["new"] == 5, told.output
    assert told.exit_code == 0
    assert booked("batch").expected == round(1e6 * sum(one["expected_value"] for one in answers))
    assert booked("feedback").realised == 1e6 * by_hand([one["value"] for one in answers], TRUTHS)
    wrong = CliRunner().invoke(commands, [*ask, "x"])
    assert isinstance(wrong.exception, UserError)
    assert "--label COLUMN" in str(wrong.exception)


def test_without_a_value_nothing_is_kept(home: Path, predictor: Predictor, pictures: list[bytes], ask: Ask) -> None:
    app = make_app(predictor)
    answer = ask(app, "POST", "/predict", files={"image": ("a.png", pictures[0])})
    assert booked("serve").predictions == 1
    assert "valued" not in booked("serve").amounts
    told = {"id": f"{answer.headers['x-request-id']}/0", "label": "1"}
    assert ask(app, "POST", "/feedback", json=told).json()["unknown"] == 1
