"""The page in a real Chromium, over a real port: what a person draws, fills in, says and reads there.

The scenarios themselves are in page_in_browser.mjs. `make browser` installs what they need.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

HERE = Path(__file__).parent
SCENARIOS = HERE / "page_in_browser.mjs"
GOLDEN = HERE.parent / "golden"
TOOLS = Path(os.environ.get("NORIA_BROWSER_TOOLS", HERE.parents[1] / ".venv" / "browser"))
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
KEY = "a-key-for-tests"
PAYLOAD = '<img src=x onerror="window.hacked = 1">'
PATIENCE_S = 240  # until models are loaded and scenarios are over, on a machine that does other things too

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not CHROMIUM, reason="needs Chromium: apt-get install chromium"),
    pytest.mark.skipif(
        not (TOOLS / "node_modules").is_dir(), reason="needs playwright-core and axe-core: make browser"
    ),
]


@dataclass(frozen=True)
class Browser:
    """A Chromium that is running, and the process that plays scenarios in it."""

    process: subprocess.Popen[str]

    def play(self, scenario: str, url: str) -> None:
        """Play a scenario; fail with what it says."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps({"name": scenario, "url": url}) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, "the browser has ended"
        assert json.loads(line)["wrong"] is None, json.loads(line)["wrong"][-3000:]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """The browser of all scenarios."""
    words = ["node", str(SCENARIOS), str(TOOLS), str(CHROMIUM)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield Browser(process)
        assert process.stdin is not None
        process.stdin.close()
        process.wait(PATIENCE_S)


@pytest.fixture(scope="module")
def url(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Serve small models of all kinds of input; return the address."""
    models = {
        "digits": run,
        "rival": run,
        "patients": GOLDEN / "tabular-classification",
        "reviews": GOLDEN / "text-classification",
        "chat": GOLDEN / "chat",
        "sounds": GOLDEN / "audio-classification",
        "things": GOLDEN / "object-detection",
        "hostile": hostile_bundle(tmp_path_factory.mktemp("hostile") / "bundle"),
    }
    with served(models, {}) as address:
        yield address


@pytest.fixture(scope="module")
def url_with_key() -> Iterator[str]:
    """Serve a model that asks for a key; return the address."""
    with served({"patients": GOLDEN / "tabular-classification"}, {"NORIA_KEY": KEY}) as address:
        yield address


@pytest.mark.parametrize(
    "scenario",
    [
        pytest.param("drawing", id="a drawn digit is answered in the size that the model learnt from"),
        pytest.param("drawing_by_keys", id="a digit is drawn with the keyboard alone"),
        pytest.param("table", id="a row is filled in within the ranges of its columns and asked as it changes"),
        pytest.param("text", id="a text is answered"),
        pytest.param("chat", id="a conversation is streamed and remembered"),
        pytest.param("stopping", id="a reply that goes on and on is stopped"),
        pytest.param("sound", id="a sound is recorded at the rate of the model"),
        pytest.param("boxes", id="boxes are drawn on the picture that was given"),
        pytest.param("comparing", id="two models answer one drawing"),
        pytest.param("card", id="the card has every score with its interval and a command that asks"),
        pytest.param("chinese", id="a Chinese browser gets a Chinese page and a click makes it English"),
        pytest.param("keyboard", id="a model is chosen and asked with the keyboard alone"),
        pytest.param("hostile", id="nothing that models, records and errors say becomes HTML"),
        pytest.param("accessible", id="axe finds nothing wrong in either colour scheme"),
        pytest.param("narrow", id="nothing is wider than a telephone"),
        pytest.param("newer", id="a newer version and a new model are seen without losing what was written"),
        pytest.param("gone", id="a service that is gone is told"),
        pytest.param("traffic", id="the traffic of the last minute is drawn"),
    ],
)
def test_in_chromium(browser: Browser, url: str, scenario: str) -> None:
    browser.play(scenario, url)


def test_in_chromium_nothing_is_shown_without_the_key_and_everything_with_it(
    browser: Browser, url_with_key: str
) -> None:
    browser.play("key", url_with_key)


def test_every_scenario_is_run() -> None:
    known = set(re.findall(r"^  async (\w+)\(page\)", SCENARIOS.read_text("utf-8"), re.MULTILINE))
    marks = next(mark for mark in test_in_chromium.pytestmark if mark.name == "parametrize")
    assert known == {one.values[0] for one in marks.args[1]} | {"key"}


@contextmanager
def served(models: Mapping[str, Path], environment: Mapping[str, str]) -> Iterator[str]:
    """Serve models by name in a process of their own; give the address once all of them are ready."""
    names = [f"{name}={path}" for name, path in models.items()]
    command = [sys.executable, "-m", "noria.cli", "serve", *names, "--port", "0"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=os.environ | environment
    ) as server:
        try:
            yield address_of(server)
        finally:
            server.terminate()
            server.communicate(timeout=PATIENCE_S)


def address_of(server: subprocess.Popen[str]) -> str:
    """Return where a server says that it is, which it does when it is ready."""
    assert server.stdout is not None
    for line in server.stdout:
        if found := re.search(r"http://127\.0\.0\.1:\d+", line):
            return found[0]
    raise AssertionError(f"the server ended with code {server.wait()}")


def hostile_bundle(folder: Path) -> Path:
    """Return a bundle whose classes are HTML."""
    shutil.copytree(GOLDEN / "text-classification", folder)
    config = json.loads((folder / "config.json").read_text("utf-8"))
    target = config["states"]["target"]
    target["classes"] = [f"{PAYLOAD} {index}" for index in range(len(target["classes"]))]
    (folder / "config.json").write_text(json.dumps(config), "utf-8")
    return folder
