"""The page as it is served: its files, who gets them, and what its policy forbids.

What people do with it: test_page_in_browser.py.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from starlette.applications import Starlette

from noria.contract import registry
from noria.service.app import make_app
from noria.service.dialects.page import KINDS, page_files

PAGE = Path(__file__).parents[2] / "src" / "noria" / "service" / "page"
HTML = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
SENTENCE = re.compile(r'^  "?([\w:-]+)"?: \{\s*en: "(.*)",\s*zh: "(.*)",?\s*\},$', re.MULTILINE)
# How modules name a sentence: word: "ask", word: ["range", ..], words: { alt: "answer" }, worded(node, "record").
NAMED = re.compile(r'(?:\bword: \[?|worded\(\w+, \[?|\bsay\(|"aria-label": \[?|placeholder: |alt: )"(\w+)"')


@pytest.fixture(scope="module")
def app(predictor) -> Starlette:
    return make_app(predictor)


@pytest.fixture(scope="module")
def locked(predictor) -> Starlette:
    return make_app(predictor, key="secret")


@pytest.fixture(scope="module")
def scripts() -> dict[str, str]:
    return {name: content.decode() for name, (_, content) in page_files().items() if name.endswith(".js")}


def test_a_browser_gets_the_page_and_a_program_what_is_served(ask, app) -> None:
    page = ask(app, "GET", "/", headers=HTML)
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.text.startswith("<!doctype html>")
    assert page.headers["vary"] == "accept"
    assert ask(app, "GET", "/", headers={"accept": "*/*"}).json()["name"] == "small-digits"


def test_every_file_of_the_page_is_served_as_what_it_is(ask, app) -> None:
    there = {str(path.relative_to(PAGE)) for path in PAGE.rglob("*") if path.is_file()}
    assert there == set(page_files())
    assert len(there) > 30
    for name in there:
        found = ask(app, "GET", f"/page/{name}")
        assert found.status_code == 200
        assert found.content == (PAGE / name).read_bytes()
        assert found.headers["content-type"] == KINDS[Path(name).suffix]
        assert found.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "path", ["../access.py", "..%2faccess.py", "%2e%2e/access.py", "/etc/passwd", "", "main", "inputs"]
)
def test_no_path_leaves_the_page(ask, app, path) -> None:
    assert ask(app, "GET", f"/page/{path}").status_code == 404


def test_the_policy_lets_nothing_in_from_elsewhere_and_no_text_become_code(ask, app) -> None:
    policy = ask(app, "GET", "/", headers=HTML).headers["content-security-policy"]
    directives = dict(one.strip().split(" ", 1) for one in policy.split(";"))
    assert directives["default-src"] == "'none'"
    assert directives["script-src"] == directives["style-src"] == directives["connect-src"] == "'self'"
    assert directives["frame-ancestors"] == "'none'"
    assert directives["require-trusted-types-for"] == "'script'"
    assert "unsafe" not in policy


def test_with_a_key_the_page_is_public_and_tells_nothing_of_the_models(ask, locked) -> None:
    page = ask(locked, "GET", "/", headers=HTML)
    assert page.status_code == 200
    assert ask(locked, "HEAD", "/", headers=HTML).status_code == 200
    for name in page_files():
        file = ask(locked, "GET", f"/page/{name}")
        assert file.status_code == 200
        assert "small-digits" not in file.text
    assert "small-digits" not in page.text


@pytest.mark.parametrize(
    ("method", "path"),
    [
        *(("GET", "/models"), ("GET", "/models/small-digits"), ("GET", "/page/no.js"), ("GET", "//page/main.js")),
        *(("POST", "/"), ("POST", "/page/main.js"), ("GET", "/page/../models"), ("GET", "/x/page/main.js")),
    ],
)
def test_with_a_key_whatever_is_not_the_page_is_refused(ask, locked, method, path) -> None:
    assert ask(locked, method, path, headers=HTML).status_code == 401


def test_with_a_key_a_program_is_not_told_what_is_served(ask, locked) -> None:
    for accept in ("*/*", "application/json", "text/htmlx", ""):
        assert ask(locked, "GET", "/", headers={"accept": accept}).status_code == 401


def test_nothing_in_the_page_is_inline(scripts) -> None:
    page = page_files()["index.html"][1].decode()
    assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:", page)
    assert re.findall(r"<script[^>]*>(.*?)</script>", page, re.DOTALL) == [""]
    for name, script in scripts.items():
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", script), (
            name
        )
        assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", script), name


def test_every_module_that_is_imported_is_there(scripts) -> None:
    for name, script in scripts.items():
        for path in re.findall(r'from "(\.[^"]+)"', script):
            assert str((PAGE / name).parent.joinpath(path).resolve().relative_to(PAGE)) in scripts, (name, path)


def test_every_sentence_is_there_in_both_languages_and_used(scripts) -> None:
    sentences = {name: (english, chinese) for name, english, chinese in SENTENCE.findall(scripts["sentences.js"])}
    assert len(sentences) == scripts["sentences.js"].count("zh: ") > 80
    for english, chinese in sentences.values():
        assert set(re.findall(r"\{\w+\}", english)) == set(re.findall(r"\{\w+\}", chinese))
    others = "\n".join(script for name, script in scripts.items() if name != "sentences.js")
    assert set(NAMED.findall(others)) <= sentences.keys()
    strings = set(re.findall(r'"(\w+)"', others)) | {f"setting_{name}" for name in re.findall(r'\["(\w+)", \{', others)}
    unused = {name for name in sentences if ":" not in name and not name.startswith("ended_")} - strings
    assert not unused


def test_every_task_is_named_in_both_languages(scripts) -> None:
    named = {name.removeprefix("task:") for name, _, _ in SENTENCE.findall(scripts["sentences.js"]) if ":" in name}
    assert named == set(registry.names("tasks"))
