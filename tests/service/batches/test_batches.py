"""A batch is answered as its lines are live, below live traffic, each line once; every line is told of at its end."""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from noria.database import Transaction, open_database
from noria.pipeline.predictor import Predictor
from noria.service.batches import batches, work
from noria.service.batches.line import TRIES
from noria.service.door.keys import add_key, new_key, revoke_key
from noria.service.request.limits import Limits
from service.batches.server import ENDPOINT, SECONDS, Client, line, serving, whole

WRONG = line("wrong", dimensions=3)
ASKED = {"endpoint": ENDPOINT, "completion_window": "24h"}
PURPOSE = '--b\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nbatch\r\n--b--\r\n'


def run(scenario: Any, predictor: Predictor, limits: Limits | None = None) -> None:
    async def all_of_it() -> None:
        async with serving(predictor, limits) as client:
            await scenario(client)

    asyncio.run(all_of_it())


def nearly(body: Any) -> Any:
    """Return an answer whose vectors may differ in the last digits, as those of other batches do."""
    for one in body.get("data", ()):
        one["embedding"] = pytest.approx(one["embedding"], abs=5e-6)
    return body


def custom_ids(lines: list[Any]) -> list[str]:
    return [one["custom_id"] for one in lines]


def test_each_line_gets_what_it_would_get_live(vectors: Predictor) -> None:
    async def scenario(client: Client) -> None:
        lines = [*(line(index, f"A dog runs {index} miles.") for index in range(150)), WRONG]
        lines.append(line("several", ["A bird sings.", "水车"]))
        batch, answers, errors = await client.run(lines, metadata={"day": "1"})
        assert batch["request_counts"] == {"total": 152, "completed": 151, "failed": 1}
        assert (batch["status"], batch["model"], batch["metadata"]) == ("completed", "vectors", {"day": "1"})
        assert custom_ids(answers) == custom_ids([one for one in lines if one is not WRONG])
        by_id = {one["custom_id"]: one for one in [*answers, *errors]}
        for number, one in enumerate(lines, 1):
            live = await client.http.post(one["url"], json=one["body"])
            name = f"{batch['id']}/{number}"
            response = {"status_code": live.status_code, "request_id": name, "body": nearly(live.json())}
            expected = {"id": name, "custom_id": one["custom_id"], "response": response, "error": None}
            assert by_id[one["custom_id"]] == expected
        assert custom_ids(errors) == ["wrong"]

    run(scenario, vectors)


def test_the_way_of_noria_itself_may_be_asked_too(vectors: Predictor) -> None:
    async def scenario(client: Client) -> None:
        lines = [{**line("a", url="/predict/vectors"), "body": {"records": [{"text": "水车"}]}}]
        _, answers, _ = await client.run(lines, endpoint="/predict/vectors")
        live = await client.http.post("/predict", json=lines[0]["body"])
        assert answers[0]["response"]["body"] == live.json()

    run(scenario, vectors)


def test_the_same_request_again_is_the_same_batch(vectors: Predictor) -> None:
    async def scenario(client: Client) -> None:
        file = await client.file([line("a", "held")])
        first = whole(await client.begin(file))["id"]
        assert whole(await client.begin(file))["id"] == first
        other = whole(await client.begin(file, metadata={"a": "b"}))["id"]
        keyed = [whole(await client.begin(file, headers={"Idempotency-Key": key}))["id"] for key in ("k", "k", "l")]
        assert keyed[0] == keyed[1]
        assert len({first, other, *keyed}) == 4
        reused = await client.begin(file, metadata={"a": "b"}, headers={"Idempotency-Key": "k"})
        assert (reused.status_code, reused.json()["error"]["code"]) == (409, "idempotency_key_reused")
        whole(await client.http.post(f"/v1/batches/{first}/cancel"))
        await client.ended(first)
        assert whole(await client.begin(file))["id"] != first
        assert whole(await client.begin(file, headers={"Idempotency-Key": "k"}))["id"] == keyed[0]

    run(scenario, vectors)


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"endpoint": "/v1/moderations"}, "as in the lines"),
        ({"endpoint": "http://127.0.0.1/"}, "endpoint"),
        ({"completion_window": "1d"}, "completion_window"),
        ({"completion_window": "0h"}, "completion_window"),
        ({"metadata": {str(index): "" for index in range(17)}}, "metadata"),
        ({"metadata": {"a": 1}}, "metadata"),
        ({"metadata": {"a": "x" * 513}}, "metadata"),
        ({"metadata": []}, "metadata"),
        ({"input_file_id": None}, "input_file_id"),
        ({"output_expires_after": {}}, "output_expires_after"),
        ({"headers": {"Idempotency-Key": "x" * 300}}, "Idempotency-Key"),
    ],
)
def test_what_is_wrong_with_a_request_for_a_batch_is_told(more: Any, told: str, vectors: Predictor) -> None:
    async def scenario(client: Client) -> None:
        got = await client.begin(await client.file([line("a")]), **more)
        assert got.status_code == 400, got.text
        assert told in got.json()["error"]["message"]

    run(scenario, vectors)


def test_a_batch_for_a_model_that_is_not_there_or_cannot_be_asked_so_is_refused(vectors: Predictor) -> None:
    async def scenario(client: Client) -> None:
        got = await client.begin(await client.file([line("a", model="other")]))
        assert (got.status_code, got.json()["error"]["code"]) == (404, "model_not_found")
        chat = "/v1/chat/completions"
        got = await client.begin(await client.file([line("a", url=chat)]), endpoint=chat)
        assert (got.status_code, got.json()["error"]["param"]) == (400, "endpoint")
        batch, *_ = await client.run([line("a")])
        got = await client.begin(batch["output_file_id"])
        assert "sent for a batch" in got.json()["error"]["message"]

    run(scenario, vectors)


def test_a_cancelled_batch_keeps_its_answers_and_tells_of_the_other_lines(vectors: Predictor) -> None:
    async def scenario(client: Client) -> None:
        file = await client.file([line("a"), line("b", "held"), line("c")])
        batch = whole(await client.begin(file))["id"]
        deleted = await client.http.delete(f"/v1/files/{file}")
        assert (deleted.status_code, deleted.json()["error"]["code"]) == (409, "file_in_use")
        while whole(await client.http.get(f"/v1/batches/{batch}"))["request_counts"]["completed"] < 2:
            await asyncio.sleep(0.01)
        assert whole(await client.http.post(f"/v1/batches/{batch}/cancel"))["status"] == "cancelling"
        assert (await client.http.post(f"/v1/batches/{batch}/cancel")).status_code in (200, 409)
        ended = await client.ended(batch)
        assert ended["status"] == "cancelled"
        assert ended["request_counts"] == {"total": 3, "completed": 2, "failed": 1}
        assert ended["cancelled_at"] >= ended["cancelling_at"]
        assert custom_ids(await client.lines(ended["output_file_id"])) == ["a", "c"]
        (error,) = await client.lines(ended["error_file_id"])
        assert (error["custom_id"], error["error"]["code"], error["response"]) == ("b", "batch_cancelled", None)
        assert (await client.http.post(f"/v1/batches/{batch}/cancel")).status_code == 409
        whole(await client.http.delete(f"/v1/files/{file}"))

    run(scenario, vectors)


def test_an_error_that_nobody_foresaw_does_not_end_the_looking_for_batches(
    vectors: Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim, failures = batches.claim, iter([RuntimeError("of the test")])

    def failing(*words: Any) -> Any:
        for error in failures:
            raise error
        return claim(*words)

    monkeypatch.setattr(batches, "claim", failing)
    monkeypatch.setattr("noria.service.batches.runner.POLL_SECONDS", 0.01)

    async def scenario(client: Client) -> None:
        assert (await client.run([line("a")]))[0]["status"] == "completed"

    run(scenario, vectors)


def test_a_batch_does_not_expire_by_the_clock_of_a_machine_whose_time_is_wrong(
    vectors: Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    clocks = SimpleNamespace(monotonic=time.monotonic, time=lambda: time.time() + 1e6)
    monkeypatch.setattr(work, "time", clocks)

    async def scenario(client: Client) -> None:
        batch, answers, _ = await client.run([line("a")])
        assert (batch["status"], custom_ids(answers)) == ("completed", ["a"])

    run(scenario, vectors)


def test_a_batch_that_is_not_done_within_its_time_expires(vectors: Predictor) -> None:
    async def scenario(client: Client) -> None:
        batch = whole(await client.begin(await client.file([line("a"), line("b", "held")])))["id"]
        while not whole(await client.http.get(f"/v1/batches/{batch}"))["request_counts"]["completed"]:
            await asyncio.sleep(0.01)
        database = open_database()
        database.transact(lambda to: to.run("update openai_batch set expires = 1"))
        database.close()
        client.service.batching._runner.wake()  # it looks from time to time anyway
        ended = await client.ended(batch)
        assert (ended["status"], ended["request_counts"]["failed"]) == ("expired", 1)
        assert ended["expired_at"]
        (error,) = await client.lines(ended["error_file_id"])
        assert (error["custom_id"], error["error"]["code"]) == ("b", "batch_expired")

    run(scenario, vectors)


def test_a_line_that_kills_the_model_is_given_up_after_three_tries_and_the_others_are_answered(
    vectors: Predictor,
) -> None:
    async def scenario(client: Client) -> None:
        lines = [line(index, "poison" if index in (3, 17) else f"text {index}") for index in range(30)]
        batch, answers, errors = await client.run(lines)
        assert batch["request_counts"] == {"total": 30, "completed": 28, "failed": 2}
        assert custom_ids(errors) == ["3", "17"]
        assert [one["error"]["code"] for one in errors] == ["model_died"] * 2
        assert custom_ids(answers) == [str(index) for index in range(30) if index not in (3, 17)]
        assert client.replica.num_deaths <= 2 * (TRIES + 1)

    run(scenario, vectors)


def test_while_a_line_is_suspected_no_other_is_asked(vectors: Predictor) -> None:
    async def scenario(client: Client) -> None:
        await client.begin(await client.file([line("a", "held"), line("b", "poison"), line("c")]))
        while client.replica.num_sent < 4:  # each, and then the first one alone
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.2)
        assert (client.replica.num_sent, client.replica.num_deaths) == (4, 1)

    run(scenario, vectors)


def test_a_line_that_is_asked_alone_is_stored_before_the_next_is_suspected(
    vectors: Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, stored = batches.begin_alone, []

    def noted(to: Any, batch: Any, number: int) -> int:
        stored.append(len(batches.answered(to, batch)))
        return real(to, batch, number)

    monkeypatch.setattr(batches, "begin_alone", noted)

    async def scenario(client: Client) -> None:
        database = open_database()
        file = await client.file([line(index, f"text {index}") for index in range(5)])
        client.service.batching._runner._shared.ends = 0.0
        batch = whole(await client.begin(file))["id"]
        await asyncio.sleep(0.1)
        database.transact(lambda to: to.run("update openai_batch set holder = 'a dead one', lease = 0"))
        database.close()
        client.service.batching._runner._shared.ends = float("inf")
        client.service.batching._runner.wake()
        assert (await client.ended(batch))["request_counts"]["completed"] == 5
        assert stored == [0, 1, 2, 3, 4]

    run(scenario, vectors)


def test_no_line_is_asked_while_a_client_is_answered(vectors: Predictor) -> None:
    async def scenario(client: Client) -> None:
        live = asyncio.create_task(client.http.post(ENDPOINT, json={"model": "vectors", "input": "held"}))
        while not client.replica.num_sent:
            await asyncio.sleep(0.01)
        batch = whole(await client.begin(await client.file([line("a")])))["id"]
        await asyncio.sleep(0.3)
        assert client.replica.num_sent == 1
        live.cancel()
        await asyncio.gather(live, return_exceptions=True)
        client.replica.forget(1, is_abandoned=False)
        assert (await client.ended(batch))["request_counts"]["completed"] == 1

    run(scenario, vectors)


def test_a_quarter_of_the_places_is_left_to_clients_and_nearly_all_while_they_come(vectors: Predictor) -> None:
    async def scenario(client: Client) -> None:
        lines = [line(index, "held") for index in range(20)]
        whole(await client.begin(await client.file(lines)))
        while client.replica.num_sent < 6:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.2)
        assert client.replica.num_sent == 6
        whole(await client.http.post(ENDPOINT, json={"model": "vectors", "input": "a"}))
        await client.begin(await client.file([line("a")]))
        await asyncio.sleep(0.2)
        assert client.replica.num_sent == 7

    run(scenario, vectors, Limits(waiting=8))


def test_a_server_that_stops_lets_go_and_the_next_one_goes_on(vectors: Predictor) -> None:
    lines = [line(index, "held" if index % 50 == 7 else f"text {index}") for index in range(100)]

    async def scenario() -> None:
        async with serving(vectors) as client:
            batch = whole(await client.begin(await client.file(lines)))["id"]
            while whole(await client.http.get(f"/v1/batches/{batch}"))["request_counts"]["completed"] < 98:
                await asyncio.sleep(0.01)
            sent = client.replica.num_sent
        async with serving(vectors) as client:
            client.replica._send = super(type(client.replica), client.replica)._send  # type: ignore[method-assign]
            ended = await client.ended(batch)
            assert ended["request_counts"] == {"total": 100, "completed": 100, "failed": 0}
            assert custom_ids(await client.lines(ended["output_file_id"])) == custom_ids(lines)
            assert sent == 100

    asyncio.run(scenario())


def test_a_batch_whose_time_is_up_is_another_ones_turn(vectors: Predictor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work, "SLICE_SECONDS", 0.1)

    async def scenario(client: Client) -> None:
        files = [await client.file([line(index, f"{name} {index}") for index in range(100)]) for name in "ab"]
        begun = [whole(await client.begin(file))["id"] for file in files]
        ended = [await client.ended(batch) for batch in begun]
        assert [one["request_counts"]["completed"] for one in ended] == [100, 100]

    run(scenario, vectors)


def test_a_file_that_is_gone_fails_its_batch(vectors: Predictor, own_home: Path) -> None:
    async def scenario(client: Client) -> None:
        file = await client.file([line("a")])
        (own_home / "files" / file).unlink()
        ended = await client.ended(whole(await client.begin(file))["id"])
        assert ended["status"] == "failed"
        assert "not there any more" in ended["errors"]["data"][0]["message"]
        assert (await client.http.get(f"/v1/files/{file}/content")).status_code == 404

    run(scenario, vectors)


def test_a_file_that_cannot_be_read_any_more_fails_its_batch(vectors: Predictor) -> None:
    async def scenario() -> None:
        async with serving(vectors, works=False) as client:
            batch = whole(await client.begin(await client.file([line("a"), line("b")])))["id"]
        async with serving(vectors, Limits(file_lines=1)) as client:
            ended = await client.ended(batch)
            assert ended["status"] == "failed"
            assert "too many lines" in ended["errors"]["data"][0]["message"]

    asyncio.run(scenario())


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_no_text_of_a_client_breaks_the_server(
    kind: str, vectors: Predictor, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    if kind == "postgresql":
        monkeypatch.setenv("NORIA_DATABASE", request.getfixturevalue("postgres").new_url())

    async def scenario(client: Client) -> None:
        for text in ("\ud800", "a\0b"):
            sent = [line(text, text), {**line("a"), "body": {"model": text, "input": "a"}}]
            sent.append(line("a", url=f"/predict/{text}"))
            for one in sent:
                assert (await client.upload([one])).status_code < 500, one
            named = f'--b\r\nContent-Disposition: form-data; name="file"; filename="{text}"\r\n\r\n'
            form = f"{named}{json.dumps(line('a'))}\r\n{PURPOSE}".encode("utf-8", "surrogatepass")
            kind = {"content-type": "multipart/form-data; boundary=b"}
            assert (await client.http.post("/v1/files", content=form, headers=kind)).status_code < 500
            file = await client.file([line("a")])
            for asked in ({"input_file_id": text}, {"input_file_id": file, "metadata": {text: text}}):
                told = json.dumps({"endpoint": ENDPOINT, "completion_window": "24h", **asked})
                assert (await client.http.post("/v1/batches", content=told)).status_code < 500, told
        for path in ("/v1/files/%00", "/v1/batches/%00", "/v1/files?after=%00", "/v1/files?purpose=%00"):
            assert (await client.http.get(path)).status_code < 500, path
        told = {"id": "batch_\0/1/0", "label": "a"}
        assert (await client.http.post("/feedback", json=told)).status_code < 500
        for number in ("1e999", "-1e999", "NaN", "1" * 5000):
            told = json.dumps(line("a")).replace('"A dog runs."', number)
            assert (await client.upload([told])).status_code < 500, number

    run(scenario, vectors)


def test_batches_are_listed_a_page_at_a_time(vectors: Predictor, monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.time()
    monkeypatch.setattr(Transaction, "now", lambda _: now)  # all within one tick of the clock

    async def scenario(client: Client) -> None:
        file = await client.file([line("a")])
        ids = [whole(await client.begin(file, metadata={"n": str(index)}))["id"] for index in range(5)]
        page = whole(await client.http.get("/v1/batches?limit=2"))
        assert ([one["id"] for one in page["data"]], page["has_more"]) == (ids[:2:-1], True)
        page = whole(await client.http.get(f"/v1/batches?after={page['last_id']}"))
        assert ([one["id"] for one in page["data"]], page["has_more"]) == (ids[2::-1], False)
        assert (await client.http.get("/v1/batches/batch_0")).status_code == 404

    run(scenario, vectors)


def test_a_home_that_cannot_be_written_is_told_and_models_answer(
    vectors: Predictor, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("NORIA_HOME", str(tmp_path / "file" / "home"))

    async def scenario(client: Client) -> None:
        got = await client.http.get("/v1/batches")
        assert (got.status_code, got.json()["error"]["code"]) == (503, "database_away")
        assert "NORIA_HOME" in got.json()["error"]["message"]
        assert (await client.upload([line("a")])).status_code == 507
        whole(await client.http.post(ENDPOINT, json={"model": "vectors", "input": json.dumps("a")}))

    run(scenario, vectors)


def test_a_batch_of_a_withdrawn_key_waits_for_one_of_its_name_and_ends_with_its_time(
    vectors: Predictor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("noria.service.door.keyring.LOOK_SECONDS", 0.0)
    monkeypatch.setattr("noria.service.batches.runner.POLL_SECONDS", 0.02)
    keys = tmp_path / "keys.yaml"
    other = {"Authorization": f"Bearer {added(keys, 'other')}"}

    async def until(status: str, is_held: bool) -> None:
        """Wait until the batch of the key is so."""
        query = "select status, holder is not null from openai_batch where owner = 'shop'"
        while [(status, is_held)] != database.transact(lambda to: to.run(query)):
            await asyncio.sleep(0.01)

    async def scenario() -> None:
        async with serving(vectors, keys=keys, key=added(keys, "shop")) as client:
            batch = whole(await client.begin(await client.file([line("a", "held"), line("b")])))["id"]
            await until("in_progress", True)
            revoke_key(keys, "shop")
            await until("in_progress", False)
            asked = {"input_file_id": whole(await client.upload([line("c")], headers=other))["id"], **ASKED}
            theirs = whole(await client.http.post("/v1/batches", json=asked, headers=other))["id"]
            while whole(await client.http.get(f"/v1/batches/{theirs}", headers=other))["status"] != "completed":
                await asyncio.sleep(0.01)  # the model is free for others
            await until("in_progress", False)
            added(keys, "shop")
            await until("in_progress", True)
            revoke_key(keys, "shop")
            await until("in_progress", False)
            database.transact(lambda to: to.run("update openai_batch set expires = 1 where id = ?", batch))
            await until("expired", False)
            client.http.headers["Authorization"] = f"Bearer {added(keys, 'shop')}"
            errors = await client.lines((await client.ended(batch))["error_file_id"])
            assert ("a", "key_withdrawn") in [(one["custom_id"], one["error"]["code"]) for one in errors]

    with closing(open_database()) as database:
        asyncio.run(asyncio.wait_for(scenario(), SECONDS))


def added(keys: Path, name: str) -> str:
    secret, key = new_key(name)
    add_key(keys, key)
    return secret
