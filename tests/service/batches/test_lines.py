"""A file of requests is checked line by line: what is wrong is told with its place, and only live paths are asked."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from noria.service.batches.lines import Facts, batched_paths, check_lines, read_line, texts_of
from noria.service.request.http_error import HTTPError
from noria.service.request.limits import Limits
from service.batches.server import line


def written(path: Path, *lines: Any) -> Path:
    text = "\n".join(one if isinstance(one, str) else json.dumps(one) for one in lines)
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    return path


def refused(path: Path, *lines: Any, limits: Limits | None = None) -> str:
    with pytest.raises(HTTPError) as error:
        check_lines(written(path / "a.jsonl", *lines), limits or Limits())
    return str(error.value.error)


def test_a_whole_file_is_told_by_what_its_lines_have_in_common(tmp_path: Path) -> None:
    path = written(tmp_path / "a", "\ufeff" + json.dumps(line(1)), "", "  ", line(2), line("三"), "")
    assert check_lines(path, Limits()) == Facts(3, "/v1/embeddings", "vectors")
    assert [number for number, _ in texts_of(path, Limits())] == [1, 4, 5]


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ("{", "JSON"),
        ("[]", "not an object"),
        ('{"custom_id": "a", "custom_id": "b"}', "stands twice"),
        (line("a") | {"custom_id": 7}, "custom_id"),
        (line("a") | {"custom_id": ""}, "custom_id"),
        (line("a") | {"custom_id": "x" * 300}, "custom_id"),
        ({"method": "POST", "url": "/v1/embeddings", "body": {}}, "custom_id: this field is missing"),
        (line("a") | {"method": "GET"}, "method"),
        (line("a") | {"body": "text"}, "body cannot be this"),
        (line("a") | {"headers": {}}, "no such field"),
        (line("a", stream=True), "written whole"),
        ("\udcff", "not UTF-8"),
    ],
)
def test_a_line_that_is_wrong_is_told_with_its_place(wrong: Any, told: str, tmp_path: Path) -> None:
    said = refused(tmp_path, line("first"), "", wrong)
    assert re.search(r"^line 3[,:]", said, re.M)
    assert told in said


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/latest",
        "https://127.0.0.1/v1/embeddings",
        "//host/v1/embeddings",
        "/v1/embeddings?x=1",
        "/v1/embeddings#x",
        "/v1/../v1/embeddings",
        "/v1/embeddings/",
        "/v1/embeddings\n",
        "/models/vectors/reload",
        "/v1/files",
        "/v1/batches",
        "/v1/audio/speech",
        "/v1/audio/transcriptions",
        "/stream/vectors",
        "/predict/a/b",
        "file:///etc/passwd",
    ],
)
def test_a_line_asks_nothing_that_is_not_asked_live_with_json(url: str, tmp_path: Path) -> None:
    assert "url cannot be this" in refused(tmp_path, line("a", url=url))


def test_each_path_that_may_be_asked_is_found() -> None:
    paths = batched_paths()
    assert len(paths) == 8
    for path in paths:
        found = read_line(json.dumps(line("a", url=path.replace("{model}", "vectors"))).encode(), 1, Limits())
        assert found.model == ("" if path == "/predict" else "vectors")


def test_lines_that_stand_twice_or_ask_another_path_or_model_are_told(tmp_path: Path) -> None:
    others = [line("a"), line("b", url="/v1/moderations"), line("c", model="other")]
    said = refused(tmp_path, line("a"), *others)
    assert "line 2: custom_id stands twice" in said
    assert "line 3: url is another one" in said
    assert "line 4: body.model is another one" in said


def test_twenty_problems_are_told_and_no_more(tmp_path: Path) -> None:
    said = refused(tmp_path, *("{" for _ in range(100)))
    assert said.startswith("20 problems")


def test_what_is_larger_than_it_may_be_is_refused(tmp_path: Path) -> None:
    limits = Limits(body_bytes=1000, file_lines=3, json_values=100)
    assert "too many lines" in refused(tmp_path, *(line(i) for i in range(4)), limits=limits)
    assert "too many lines" in refused(tmp_path, *("" for _ in range(9)), limits=limits)
    assert "too long" in refused(tmp_path, line("a", "x" * 100_000), limits=limits)
    assert "too many values" in refused(tmp_path, line("a", dimensions=[1] * 200), limits=limits)
    assert "no request" in refused(tmp_path, "", limits=limits)
    deep = "[" * 15 + "]" * 15  # with body, as deep as a live one may be
    check_lines(written(tmp_path / "a", json.dumps(line("a")).replace('"A dog runs."', deep)), Limits())
    assert "nested" in refused(tmp_path, json.dumps(line("a")).replace('"A dog runs."', f"[{deep}]"))
