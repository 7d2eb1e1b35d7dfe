"""Records from an object store and answers into it, against a server of S3 in another process."""

from __future__ import annotations

import errno
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pytest
from PIL import Image

from noria import batch
from noria.batch.job import set_state
from noria.batch.tables import batch_database
from noria.errors import EXIT_DISK_FULL, UserError, how_to_install
from noria.reporter import Silent
from noria.stages.predict import predict, predict_to
from noria.store import object_store
from noria.store.object_store import fetched, is_remote, sent, with_addresses

GOLDEN = Path(__file__).parent.parent / "golden" / "text-classification"
DRAWN = GOLDEN.with_name("object-detection")
TEXTS = "text\na moving film\ndull\n"


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """The address of a server of S3 with nothing in it."""
    pytest.importorskip("moto", reason="needs moto[server]")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        end = time.monotonic() + 60
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                assert process.poll() is None
                assert time.monotonic() < end, "the server does not start"
                time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait(30)


@pytest.fixture
def s3(address: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """The store, with one bucket."""
    s3fs = pytest.importorskip("s3fs", reason="needs s3fs")
    given = {"AWS_ENDPOINT_URL": address, "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}
    for name, value in {**given, "AWS_DEFAULT_REGION": "us-east-1", "NORIA_CACHE": str(tmp_path / "cache")}.items():
        monkeypatch.setenv(name, value)
    s3fs.S3FileSystem.clear_instance_cache()
    store = s3fs.S3FileSystem(use_listings_cache=False)
    if not store.exists("bucket"):
        store.mkdir("bucket")
    return store


def put(store: Any, name: str, text: str) -> None:
    with store.open(f"bucket/{name}", "w") as file:
        file.write(text)


def test_only_addresses_of_stores_are_remote(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NORIA_OBJECT_STORES", raising=False)
    remote = ["s3://bucket/a.csv", "gs://b/c", "az://c/d"]
    local = ["a.csv", "C:/a", "https://x.org/a.csv", "file:///etc/passwd", "memory://a", "s3:/b/a", "a text: s3://"]
    assert [is_remote(one) for one in (*remote, *local)] == [True] * 3 + [False] * 7
    monkeypatch.setenv("NORIA_OBJECT_STORES", "https")
    assert is_remote("https://x.org/a.csv")
    assert not is_remote("http://x.org/a.csv")


def test_a_package_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "s3fs", None)
    with pytest.raises(UserError, match="needs the package s3fs") as error:
        fetched("s3://bucket/a.csv")
    assert error.value.fix == how_to_install("s3")


def test_messages_name_what_a_copy_is_of(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("NORIA_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NORIA_HOME", str(tmp_path / "home"))
    monkeypatch.setitem(object_store.EXTRAS, "memory", "fsspec")
    with fsspec.filesystem("memory").open("/桶/in/a.csv", "w") as file:
        file.write(TEXTS)
    for url in ("memory://桶/in/a.csv", "memory://桶/in", "memory://桶/in/*.csv"):
        copy = fetched(url)
        inside = copy if copy.is_file() else copy / "a.csv"
        assert with_addresses(f"no column x: {inside}:2") == "no column x: memory://桶/in/a.csv:2"
    job, _ = batch.submit(GOLDEN, ["memory://桶/in/a.csv"], tmp_path / "out.jsonl", reporter=Silent())
    batch_database().transact(
        lambda to: set_state(to, job.id, [job.state], batch.FAILED, f"gone: {job.asked.inputs[0]}")
    )
    told = batch.state(job.id)
    assert told.as_json()["inputs"] == ["memory://桶/in/a.csv"]
    assert told.as_json()["reason"] == "gone: memory://桶/in/a.csv"
    assert str(told).endswith("gone: memory://桶/in/a.csv")
    other = tmp_path / "cache" / "objects" / ("0" * 16) / ("0" * 16)
    assert with_addresses(str(other)) == str(other)


def test_an_object_a_prefix_and_a_pattern_are_copied(s3: Any) -> None:
    for name in ("in/a.csv", "in/b.csv", "in/deep/c.txt"):
        put(s3, name, TEXTS)
    one = fetched("s3://bucket/in/a.csv")
    assert (one.name, one.read_text()) == ("a.csv", TEXTS)
    for url in ("s3://bucket/in", "s3://bucket/in/"):
        folder = fetched(url)
        assert sorted(str(path.relative_to(folder)) for path in folder.rglob("*.*")) == ["a.csv", "b.csv", "deep/c.txt"]
    assert sorted(path.name for path in fetched("s3://bucket/in/*.csv").iterdir()) == ["a.csv", "b.csv"]


def test_what_has_not_changed_is_copied_once_and_what_has_anew(s3: Any) -> None:
    put(s3, "one.csv", TEXTS)
    first = fetched("s3://bucket/one.csv")
    stamp = first.stat().st_mtime_ns
    assert fetched("s3://bucket/one.csv").stat().st_mtime_ns == stamp
    put(s3, "one.csv", f"{TEXTS}more\n")
    assert fetched("s3://bucket/one.csv").read_text() == f"{TEXTS}more\n"


def test_answers_are_the_same_as_of_files_and_go_where_they_are_wanted(s3: Any, tmp_path: Path) -> None:
    put(s3, "texts.csv", TEXTS)
    (tmp_path / "texts.csv").write_text(TEXTS)
    for suffix in (".jsonl", ".csv"):
        predict_to(GOLDEN, [tmp_path / "texts.csv"], tmp_path / f"out{suffix}")
        said = predict_to(GOLDEN, ["s3://bucket/texts.csv"], f"s3://bucket/deep/out{suffix}")
        assert f"s3://bucket/deep/out{suffix}" in said
        assert s3.cat_file(f"bucket/deep/out{suffix}") == (tmp_path / f"out{suffix}").read_bytes()
    assert [one["value"] for one in predict(GOLDEN, ["s3://bucket/texts.csv"])] == [
        json.loads(line)["value"] for line in (tmp_path / "out.jsonl").read_text().splitlines()
    ]
    assert not [path for path in (tmp_path / "cache" / "sending").rglob("*") if path.is_file()]


def test_a_batch_reads_from_a_store_and_writes_to_it(s3: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NORIA_HOME", str(tmp_path / "home"))
    put(s3, "many.csv", TEXTS + "a bird\n" * 100)
    words = ["batch", "submit", str(GOLDEN), "s3://bucket/many.csv", "--out", "s3://bucket/batch/out.jsonl", "--json"]
    for _ in range(2):  # the same again is the same job
        ended = subprocess.run(
            [sys.executable, "-m", "noria.cli", *words], capture_output=True, text=True, timeout=120, check=False
        )
        assert ended.returncode == 0, ended.stderr
        told = json.loads(ended.stdout.splitlines()[-1])
        assert (told["state"], told["out"]) == ("done", "s3://bucket/batch/out.jsonl")
    predict_to(GOLDEN, ["s3://bucket/many.csv"], tmp_path / "out.jsonl")
    assert s3.cat_file("bucket/batch/out.jsonl") == (tmp_path / "out.jsonl").read_bytes()
    with pytest.raises(UserError, match="no such bucket"):
        batch.submit(GOLDEN, ["s3://bucket/many.csv"], "s3://nobody/out.jsonl")


def test_what_is_not_there_is_told(s3: Any) -> None:
    for url in ("s3://bucket/none.csv", "s3://nobody/none.csv", "s3://bucket/none/*.csv"):
        with pytest.raises(UserError) as error:
            fetched(url)
        assert url in str(error.value)
    with pytest.raises(UserError, match="no such bucket"), sent("s3://nobody/out.csv"):
        raise AssertionError("nothing is answered in vain")
    with pytest.raises(UserError, match="names no object"), sent("s3://bucket"):
        raise AssertionError("nothing is answered in vain")


def test_answers_that_cannot_be_sent_stay_here(s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(object_store, "FIRST_PAUSE", 0.0)
    calls = []

    def broken(*given: Any, **_: Any) -> None:
        calls.append(given)
        raise OSError("the wire is cut")

    monkeypatch.setattr(s3, "put_file", broken)
    with pytest.raises(UserError, match="whole here") as error, sent("s3://bucket/a.txt") as place:
        place.write_text("answers")
    assert len(calls) == object_store.TRIES
    assert place.read_text() == "answers"
    assert str(place) in str(error.value)


def test_a_copy_that_breaks_off_leaves_nothing(s3: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    put(s3, "two.csv", TEXTS)
    monkeypatch.setattr(object_store, "FIRST_PAUSE", 0.0)

    def broken(name: str, place: str, **_: Any) -> None:
        assert Path(place).parent == tmp_path / "cache" / "objects"  # a kill leaves it there, where nobody reads
        Path(place).write_text("hal")
        raise OSError("the wire is cut")

    with monkeypatch.context() as patched:
        patched.setattr(s3, "get_file", broken)
        with pytest.raises(UserError, match="wire is cut"):
            fetched("s3://bucket/two.csv")
    assert not [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]
    assert fetched("s3://bucket/two.csv").read_text() == TEXTS


def test_a_full_disk_is_told_as_one(s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    put(s3, "three.csv", TEXTS)
    monkeypatch.setattr(object_store, "FIRST_PAUSE", 60.0)

    def full(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(s3, "get_file", full)
    with pytest.raises(UserError, match="the disk is full") as error:
        fetched("s3://bucket/three.csv")
    assert (error.value.exit_code, "NORIA_CACHE" in error.value.fix) == (EXIT_DISK_FULL, True)


def test_a_file_of_each_answer_is_sent_to_its_folder(s3: Any, tmp_path: Path) -> None:
    picture = np.random.default_rng(0).integers(0, 255, (16, 16, 3), dtype=np.uint8)
    for name in "ab":
        Image.fromarray(picture).save(tmp_path / f"{name}.png")
    inputs = [tmp_path / "a.png", tmp_path / "b.png"]
    said = predict_to(DRAWN, inputs, "s3://bucket/drawn/*.png")
    assert "s3://bucket/drawn" in said
    predict_to(DRAWN, inputs, tmp_path / "drawn" / "*.png")
    written = sorted((tmp_path / "drawn").iterdir())
    assert [path.name for path in written] == ["a.png", "answers.jsonl", "b.png"]
    assert {f"bucket/drawn/{path.name}": path.read_bytes() for path in written} == s3.cat("bucket/drawn/*")


def test_where_nothing_was_written_nothing_is_said_to_be_sent(s3: Any, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="nothing to be sent"), sent("s3://bucket/none"):
        pass
    assert list((tmp_path / "cache" / "sending").iterdir()) == []


def test_two_that_are_sent_to_one_address_do_not_meet(s3: Any) -> None:
    with sent("s3://bucket/both") as one, sent("s3://bucket/both") as other:
        for place, name in ((one, "a"), (other, "b")):
            place.mkdir()
            (place / name).write_text(name)
    assert sorted(s3.ls("bucket/both", detail=False)) == ["bucket/both/a", "bucket/both/b"]
    assert [sorted(path.name for path in place.iterdir()) for place in (one, other) if place.exists()] == []


def test_wrong_keys_are_told_at_once(s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("HOME", "/nowhere")
    monkeypatch.setattr(object_store, "FIRST_PAUSE", 60.0)
    type(s3).clear_instance_cache()
    with pytest.raises(UserError, match="AWS_ACCESS_KEY_ID"):
        fetched("s3://bucket/a.csv")
