"""Keys from a file: what each may do, how often and until when; read again while the server runs."""

from __future__ import annotations

import json
import os
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from starlette.applications import Starlette

import noria
from noria.errors import UserError
from noria.service.door import keyring
from noria.service.door.door import Door
from noria.service.door.keys import digest_of, read_keys
from noria.service.door.rates import Bucket
from service.door.raw import Answer, raw

LAST_DAY = "2999-12-31"


@pytest.fixture(autouse=True)
def looks_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyring, "LOOK_SECONDS", 0.0)


def ask(app: Starlette, secret: str, method: str = "POST", path: str = "/predict", body: bytes = b"{}") -> Answer:
    return raw(app, method, path, [(b"authorization", b"Bearer " + secret.encode())], body)


def _let_expire(file: Path, day: str) -> None:
    file.write_text(file.read_text().replace(LAST_DAY, day))


def test_a_new_key_is_shown_once_and_only_its_digest_is_kept(tmp_path) -> None:
    file = tmp_path / "keys.yaml"
    secret = noria.keys("add", "shop", file)
    assert secret.startswith("noria_")
    assert len(secret) > 40
    assert secret not in file.read_text()
    assert digest_of(secret.encode()) in file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with pytest.raises(UserError, match="there is a key of this name"):
        noria.keys("add", "shop", file)


def test_keys_are_listed_with_what_they_may_do_and_revoked(tmp_path) -> None:
    file = tmp_path / "keys.yaml"
    noria.keys("add", "shop", file)
    noria.keys("add", "lab", file, models=["digits"], allowed=["predict"], requests_per_minute=5, expires=LAST_DAY)
    _let_expire(file, "2000-01-31")
    assert noria.keys("list", file=file).splitlines() == [
        "shop; predict, stream; all models",
        "lab; predict; digits; 5 requests a minute; expired 2000-01-31",
    ]
    noria.keys("revoke", "shop", file)
    assert [key.name for key in read_keys(file)] == ["lab"]
    with pytest.raises(UserError, match="there is no key of this name"):
        noria.keys("revoke", "shop", file)


def test_a_key_that_would_be_over_before_it_is_used_is_not_made(tmp_path) -> None:
    file = tmp_path / "keys.yaml"
    with pytest.raises(UserError, match="its last day is over"):
        noria.keys("add", "shop", file, expires=str(datetime.now(UTC).date() - timedelta(days=1)))
    assert not file.exists()


def test_the_advice_of_a_missing_file_works(tmp_path) -> None:
    file = tmp_path / "keys.yaml"
    with pytest.raises(UserError, match="no such file of keys") as told:
        Door(keys=file).middleware(noria_limits())
    words = told.value.fix.split()
    assert words[:4] == ["noria", "keys", "add", "NAME"]
    noria.keys("add", "NAME", file)
    Door(keys=file).middleware(noria_limits())


def noria_limits():
    from noria.service.request.limits import Limits

    return Limits()


def test_everything_that_is_wrong_with_a_file_is_told_at_once(tmp_path) -> None:
    file = tmp_path / "keys.yaml"
    rows = [
        {"name": "a b", "sha256": "0" * 64},
        {"name": "c", "sha256": "0" * 63},
        {"name": "d", "sha256": "1" * 64, "verbs": ["predicts"]},
        {"name": "e", "sha256": "2" * 64, "requests_per_minute": 0},
        {"name": "f", "sha256": "3" * 64, "expires": "soon"},
        {"name": "g", "sha256": "4" * 64, "modles": ["x"]},
        {"name": "h"},
        "i",
    ]
    file.write_text(yaml.safe_dump({"keys": rows}))
    with pytest.raises(UserError) as told:
        read_keys(file)
    assert [f"key {number}" in str(told.value) for number in range(1, 9)] == [True] * 8
    assert "models" in str(told.value)  # the nearest right word


def test_a_file_with_no_key_lets_nobody_in(tmp_path, small) -> None:
    file = tmp_path / "keys.yaml"
    secret = noria.keys("add", "shop", file)
    noria.keys("revoke", "shop", file)
    app = small(Door(keys=file))
    for one in (secret, "", "x"):
        assert ask(app, one).status == 401
    assert raw(app, "GET", "/schema").status == 401


def test_the_digest_of_nothing_is_no_key(tmp_path, small) -> None:
    file = tmp_path / "keys.yaml"
    file.write_text(yaml.safe_dump({"keys": [{"name": "empty", "sha256": digest_of(b"")}]}))
    assert ask(small(Door(keys=file)), "").status == 401


def test_a_key_does_what_it_is_for_and_nothing_else(tmp_path, small) -> None:
    file = tmp_path / "keys.yaml"
    every = {verb: noria.keys("add", verb, file, allowed=[verb]) for verb in ("predict", "stream", "admin", "metrics")}
    app = small(Door(keys=file))
    for verb, secret in every.items():
        found = {
            "predict": ask(app, secret).status,
            "admin": ask(app, secret, "GET", "/admin/models").status,
            "metrics": ask(app, secret, "GET", "/metrics").status,
        }
        assert found == {one: 200 if one == verb else 403 for one in found}
        assert ask(app, secret, "GET", "/schema").status == 200


def test_a_key_for_other_models_gets_no_answer_of_this_one(tmp_path, small) -> None:
    file = tmp_path / "keys.yaml"
    own = noria.keys("add", "own", file, models=["digits"])
    other = noria.keys("add", "other", file, models=["letters"])
    app = small(Door(keys=file))
    assert ask(app, own).status == 200
    refused = ask(app, other)
    assert (refused.status, refused.error["code"]) == (403, "not_allowed")
    assert "this key is not for the model digits" in refused.error["message"]
    looks = noria.keys("add", "looks", file, allowed=["metrics"])
    assert "this key is not for predict" in ask(app, looks).error["message"]


def test_a_route_that_forgets_to_ask_gives_no_key_anything(tmp_path, small) -> None:
    file = tmp_path / "keys.yaml"
    some, every = noria.keys("add", "some", file, models=["digits"]), noria.keys("add", "every", file)
    app = small(Door(keys=file))
    for secret in (some, every):
        assert ask(app, secret, path="/careless").status == 403
        assert b"here" not in ask(app, secret, path="/careless").body
    assert ask(small(Door()), "", path="/careless").status == 200


def test_a_key_is_good_to_the_end_of_its_last_day(tmp_path, small) -> None:
    file = tmp_path / "keys.yaml"
    today = datetime.now(UTC).date()
    good = noria.keys("add", "good", file, expires=str(today + timedelta(days=1)))
    over = noria.keys("add", "over", file, expires=LAST_DAY)
    _let_expire(file, str(today - timedelta(days=1)))
    app = small(Door(keys=file))
    assert (ask(app, good).status, ask(app, over).status) == (200, 401)


def test_the_key_of_the_environment_is_good_beside_those_of_the_file(tmp_path, small) -> None:
    file = tmp_path / "keys.yaml"
    secret = noria.keys("add", "shop", file)
    app = small(Door("of-the-environment", file))
    assert ask(app, "of-the-environment", "GET", "/admin/models").status == 200
    assert ask(app, secret).headers["client"] == "shop"


def test_keys_come_and_go_without_a_restart_and_a_broken_file_changes_nothing(tmp_path, small, caplog) -> None:
    file, audit = tmp_path / "keys.yaml", tmp_path / "audit.jsonl"
    first = noria.keys("add", "first", file)
    app = small(Door(keys=file, audit=audit))
    second = noria.keys("add", "second", file)
    assert (ask(app, first).status, ask(app, second).status) == (200, 200)
    noria.keys("revoke", "first", file)
    assert (ask(app, first).status, ask(app, second).status) == (401, 200)
    file.write_text("keys: [")
    assert (ask(app, first).status, ask(app, second).status) == (401, 200)
    assert "the keys stay as they were" in caplog.text
    file.unlink()
    assert ask(app, second).status == 200
    events = [json.loads(line) for line in audit.read_text().splitlines()]
    assert [(one["event"], one.get("new"), one.get("gone")) for one in events if "keys" in one["event"]] == [
        ("keys_read", ["second"], []),
        ("keys_read", [], ["first"]),
        ("keys_not_read", None, None),
        ("keys_not_read", None, None),
    ]


def test_requests_of_a_minute_are_counted_by_key(tmp_path, small) -> None:
    file = tmp_path / "keys.yaml"
    secret, other = noria.keys("add", "few", file, requests_per_minute=2), noria.keys("add", "many", file)
    app = small(Door(keys=file))
    first = ask(app, secret)
    assert (first.status, first.headers["x-ratelimit-limit-requests"]) == (200, "2")
    assert first.headers["x-ratelimit-remaining-requests"] == "1"
    assert ask(app, secret).status == 200
    refused = ask(app, secret)
    assert (refused.status, refused.error["code"]) == (429, "rate_limit_exceeded")
    assert 1 <= int(refused.headers["retry-after"]) <= 30
    assert refused.headers["x-ratelimit-remaining-requests"] == "0"
    assert ask(app, secret, "GET", "/schema").status == 200  # looking is free
    assert ask(app, other).status == 200
    file.write_text(file.read_text() + "\n")  # another file with the same keys gives no new minute
    assert ask(app, secret).status == 429


def test_tokens_are_charged_when_they_are_known_and_owed(tmp_path, small) -> None:
    file = tmp_path / "keys.yaml"
    secret = noria.keys("add", "few", file, tokens_per_minute=60)
    app = small(Door(keys=file))
    assert ask(app, secret, body=b"x" * 90).status == 200  # a token a byte here
    refused = ask(app, secret)
    assert refused.status == 429
    assert 25 <= int(refused.headers["retry-after"]) <= 31


def test_a_bucket_fills_evenly_and_owes() -> None:
    now = [0.0]
    bucket = Bucket(60, lambda: now[0])
    bucket.take(90)
    assert (bucket.level, bucket.seconds_until(1)) == (-30, 31)
    now[0] = 31
    assert (bucket.level, bucket.seconds_until(1)) == (1, 0)
    now[0] = 1e6
    assert bucket.level == 60


def test_the_client_is_its_address_where_there_are_no_keys(small) -> None:
    assert raw(small(), "POST", "/predict", client="192.0.2.9").headers["client"] == "192.0.2.9"


def test_refusals_are_written_without_the_key_and_a_flood_is_counted(tmp_path, small) -> None:
    audit = tmp_path / "audit.jsonl"
    app = small(Door("right", audit=audit))
    for _ in range(200):
        ask(app, "wrong-secret", path="/predict\n{}")
    lines = [json.loads(line) for line in audit.read_text().splitlines()]
    assert 10 <= len(lines) < 100
    assert lines[0] | {"time": ""} == {
        "time": "", "event": "refused", "client": "127.0.0.1", "path": "/predict\n{}", "why": "wrong_key"
    }  # fmt: skip
    assert "wrong-secret" not in audit.read_text()
    assert stat.S_IMODE(audit.stat().st_mode) == 0o600


def test_what_only_administrators_do_is_written(tmp_path, small) -> None:
    audit = tmp_path / "audit.jsonl"
    ask(small(Door("right", audit=audit)), "right", "GET", "/admin/models")
    assert json.loads(audit.read_text())["event"] == "admin"


def test_an_audit_log_that_cannot_be_written_is_told_before_serving(tmp_path) -> None:
    with pytest.raises(UserError, match="audit log cannot be written"):
        Door(audit=tmp_path / "none" / "audit.jsonl").middleware(noria_limits())


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_told(tmp_path: Path) -> None:
    file = tmp_path / "keys.yaml"
    noria.keys("add", "a", file)
    file.chmod(0)
    with pytest.raises(UserError, match="cannot be read"):
        read_keys(file)
