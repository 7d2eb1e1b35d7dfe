"""Files are taken piece by piece, kept whole or not at all, and seen by their key alone."""

from __future__ import annotations

import asyncio
import json
import os
import time
from pathlib import Path

import pytest

from noria.pipeline.predictor import Predictor
from noria.service.batches import files
from noria.service.door.keys import add_key, new_key
from noria.service.request.limits import Limits
from service.batches.server import SECONDS, line, serving, whole

LINES = [line(index) for index in range(3)]


def left(home: Path) -> list[str]:
    return sorted(path.name for path in (home / "files").iterdir())


def test_a_file_is_listed_read_and_deleted(vectors: Predictor, own_home: Path) -> None:
    async def scenario() -> None:
        async with serving(vectors, works=False) as client:
            sent = [whole(await client.upload([line(index)])) for index in range(3)]
            ids = [one["id"] for one in sent]
            assert left(own_home) == sorted(ids)
            assert sent[0] | {"created_at": 0} == {
                "id": ids[0], "object": "file", "bytes": 115, "created_at": 0, "filename": "a.jsonl",
                "purpose": "batch", "status": "processed",
            }  # fmt: skip
            first = whole(await client.http.get("/v1/files", params={"limit": 2, "purpose": "batch"}))
            assert [one["id"] for one in first["data"]] == [ids[2], ids[1]]
            assert first["has_more"]
            rest = whole(await client.http.get("/v1/files", params={"after": first["last_id"]}))
            assert ([one["id"] for one in rest["data"]], rest["has_more"]) == ([ids[0]], False)
            oldest = whole(await client.http.get("/v1/files", params={"order": "asc", "limit": 1}))
            assert oldest["data"][0]["id"] == ids[0]
            assert whole(await client.http.get("/v1/files?purpose=batch_output"))["data"] == []
            assert whole(await client.http.get(f"/v1/files/{ids[0]}"))["id"] == ids[0]
            assert await client.lines(ids[0]) == [line(0)]
            assert whole(await client.http.delete(f"/v1/files/{ids[0]}"))["deleted"]
            assert (await client.http.get(f"/v1/files/{ids[0]}")).status_code == 404
            assert left(own_home) == sorted(ids[1:])
            for path in ("/v1/files?limit=0", "/v1/files?order=up", "/v1/files?after=file-1", "/v1/batches?limit=x"):
                assert (await client.http.get(path)).status_code == 400, path

    asyncio.run(scenario())


def form(name: str = "file", purpose: str = "batch", end: str = "--b--\r\n", more: str = "") -> bytes:
    head = f'--b\r\nContent-Disposition: form-data; name="purpose"\r\n\r\n{purpose}\r\n{more}'
    file = f'--b\r\nContent-Disposition: form-data; name="{name}"; filename="a"\r\n\r\n{{}}\r\n'
    return (head + file + end).encode()


@pytest.mark.parametrize(
    ("body", "status", "told"),
    [
        (form(end=""), 400, "before its last boundary"),
        (form(end="--b"), 400, "before its last boundary"),
        (b"what is no form", 400, "cannot be read"),
        (b"", 400, "before its last boundary"),
        (form(name="other"), 400, "another file"),
        (form(purpose="fine-tune"), 400, "custom_id"),
        (form(more='--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n' + "x" * 9999 + "\r\n"), 413, "longer"),
        (form(more='--b\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nx\r\n'), 400, "twice"),
        (form(more='--b\r\nContent-Disposition: form-data; name="expires_after"\r\n\r\nx\r\n'), 400, "expires_after"),
    ],
)
def test_a_form_that_is_broken_leaves_nothing(
    body: bytes, status: int, told: str, vectors: Predictor, own_home: Path
) -> None:
    async def scenario() -> None:
        async with serving(vectors, works=False) as client:
            kind = {"content-type": "multipart/form-data; boundary=b"}
            got = await client.http.post("/v1/files", content=body, headers=kind)
            assert got.status_code == status, got.text
            if "purpose" not in got.text:
                assert told in got.text
            assert (await client.http.post("/v1/files", content=body)).status_code == 415
            packed = await client.http.post("/v1/files", content=body, headers={**kind, "content-encoding": "gzip"})
            assert packed.status_code == 415
            assert left(own_home) == []

    asyncio.run(scenario())


def test_a_file_that_is_too_large_is_refused_and_so_is_one_beyond_what_a_key_may_keep(
    vectors: Predictor, own_home: Path
) -> None:
    async def scenario() -> None:
        limits = Limits(file_bytes=1000, stored_bytes=1200)
        async with serving(vectors, limits, works=False) as client:
            big = await client.upload([line(index) for index in range(20)])
            assert (big.status_code, big.json()["error"]["code"]) == (413, "too_large")
            whole(await client.upload([line(index) for index in range(8)]))
            more = await client.upload([line(index) for index in range(8)])
            assert "delete some" in more.json()["error"]["message"]
            assert len(left(own_home)) == 1

    asyncio.run(scenario())


def test_a_key_sees_its_own_files_and_batches_alone(vectors: Predictor, tmp_path: Path) -> None:
    path = tmp_path / "keys.yaml"
    keys = {}
    for name, more in {"one": {}, "two": {}, "other": {"models": ["other"]}, "watcher": {"verbs": ["metrics"]}}.items():
        keys[name], key = new_key(name, **more)
        add_key(path, key)

    async def scenario() -> None:
        async with serving(vectors, keys=path) as client:

            async def status(key: str, method: str, path: str, **more: object) -> int:
                client.http.headers["Authorization"] = f"Bearer {keys[key]}"
                return (await client.http.request(method, path, **more)).status_code  # type: ignore[arg-type]

            client.http.headers["Authorization"] = f"Bearer {keys['one']}"
            file = await client.file(LINES)
            batch = whole(await client.begin(file))["id"]
            assert (await client.ended(batch))["request_counts"]["completed"] == 3
            paths = [f"/v1/files/{file}", f"/v1/files/{file}/content", f"/v1/batches/{batch}"]
            assert [await status("one", "GET", path) for path in paths] == [200] * 3
            assert [await status("two", "GET", path) for path in paths] == [404] * 3
            assert [await status("watcher", "GET", path) for path in paths] == [403] * 3
            assert await status("two", "DELETE", f"/v1/files/{file}") == 404
            assert await status("two", "POST", f"/v1/batches/{batch}/cancel") == 404
            asked = {"input_file_id": file, "endpoint": "/v1/embeddings", "completion_window": "24h"}
            assert await status("two", "POST", "/v1/batches", json=asked) == 404
            for kind in ("files", "batches"):
                assert whole(await client.http.get(f"/v1/{kind}"))["data"] == []
            client.http.headers["Authorization"] = f"Bearer {keys['other']}"
            theirs = await client.file(LINES)
            assert (await client.begin(theirs)).status_code == 403
            client.http.headers["Authorization"] = "Bearer nobody"
            assert (await client.upload(LINES)).status_code == 401

    asyncio.run(scenario())


def test_what_was_never_whole_is_swept_away_after_a_day_and_no_file_of_another_database(
    vectors: Predictor, own_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        async with serving(vectors, works=False) as client:
            known = await client.file(LINES)
        old, young = files.temporary_path(), files.temporary_path()
        for path in (old, young):
            path.touch()
        for path in (old, files.path_of(known)):
            os.utime(path, (time.time() - 90_000,) * 2)
        monkeypatch.setenv("NORIA_DATABASE", str(own_home / "other.db"))
        async with serving(vectors):
            async with asyncio.timeout(SECONDS):
                while old.exists():
                    await asyncio.sleep(0.01)
        assert left(own_home) == sorted([young.name, known])

    asyncio.run(scenario())


def test_of_files_that_come_at_once_no_more_are_kept_than_a_key_may_keep(vectors: Predictor, own_home: Path) -> None:
    async def scenario() -> None:
        async with serving(vectors, Limits(stored_bytes=1500), works=False) as client:
            sent = await asyncio.gather(*(client.upload([line(index) for index in range(5)]) for _ in range(6)))
            assert sorted(one.status_code for one in sent) == [200, 200, 413, 413, 413, 413]
            assert left(own_home) == sorted(one.json()["id"] for one in sent if one.status_code == 200)

    asyncio.run(scenario())


def test_where_there_is_no_room_at_all_nothing_is_sent_in_vain(vectors: Predictor) -> None:
    async def scenario() -> None:
        async with serving(vectors, Limits(stored_bytes=len(json.dumps(line(0)))), works=False) as client:
            whole(await client.upload([line(0)]))
            kind = {"content-type": "multipart/form-data; boundary=b"}
            got = await client.http.post("/v1/files", content=b"what is no form", headers=kind)
            assert (got.status_code, got.json()["error"]["code"]) == (413, "too_large")

    asyncio.run(scenario())


def test_a_file_whose_server_dies_as_it_takes_its_place_can_be_deleted(
    vectors: Predictor, own_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dies(*_: object) -> None:
        raise OSError("killed")

    async def scenario() -> None:
        with monkeypatch.context() as patch:
            patch.setattr(files, "place", dies)
            async with serving(vectors, works=False) as client:
                assert (await client.upload(LINES)).status_code == 500
        assert left(own_home) == []
        async with serving(vectors, works=False) as client:
            (known,) = whole(await client.http.get("/v1/files"))["data"]
            assert (await client.http.get(f"/v1/files/{known['id']}/content")).status_code == 404
            assert whole(await client.http.delete(f"/v1/files/{known['id']}"))["deleted"]
            assert whole(await client.http.get("/v1/files"))["data"] == []

    asyncio.run(scenario())
