"""`noria generate`: what a person types, and what comes back as it comes."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from noria import cli
from noria.pipeline.predictor import Predictor, load

Generate = Callable[..., "tuple[int, list[str], str]"]
SETTINGS = ("temperature=1.0", "seed=2", "max_tokens=12")


class Screen(io.StringIO):
    """A terminal that notes what was shown at each flush."""

    def __init__(self) -> None:
        super().__init__()
        self.shown: list[str] = []

    def flush(self) -> None:
        self.shown.append(self.getvalue())


@pytest.fixture
def generate(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Generate:
    """A function: words, what stands on standard input -> exit code, what was shown when, what standard error said."""

    def run(*words: object, given: bytes = b"") -> tuple[int, list[str], str]:
        screen = Screen()
        with monkeypatch.context() as patched:
            patched.setattr(sys, "argv", ["noria", "generate", *map(str, words)])
            patched.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(given)))
            patched.setattr(sys, "stdout", screen)
            code: Any = 0
            try:
                cli.main()
            except SystemExit as left:
                code = left.code
        return int(code or 0), [*screen.shown, screen.getvalue()], capsys.readouterr().err

    return run


@pytest.fixture(scope="module")
def run(trained: Callable[[str], Path]) -> Path:
    return trained("text-generation")


@pytest.fixture(scope="module")
def model(run: Path) -> Predictor:
    return load(run)


def test_the_answer_is_shown_piece_by_piece_and_nothing_else(generate: Generate, run: Path, model: Predictor) -> None:
    code, shown, err = generate(run, "To be", *SETTINGS)
    pieces = list(model.stream({"prompt": "To be"}, temperature=1.0, seed=2, max_tokens=12))
    whole = "".join(piece.content for piece in pieces)
    assert (code, err) == (0, "")
    assert shown[-1] == f"{whole}\n"
    assert len({text for text in shown if text != shown[-1]}) >= len([one for one in pieces if one.content]) > 1


def test_without_a_prompt_it_is_read_from_standard_input(generate: Generate, run: Path) -> None:
    expected = generate(run, "水车 To be", *SETTINGS)
    assert generate(run, *SETTINGS, given="水车 To be\n".encode()) == expected


def test_as_json_it_is_one_object(generate: Generate, run: Path, model: Predictor) -> None:
    code, shown, _ = generate(run, "To be", *SETTINGS, "--json")
    assert code == 0
    assert shown[-1].count("\n") == 1
    answer = json.loads(shown[-1])
    pieces = list(model.stream({"prompt": "To be"}, temperature=1.0, seed=2, max_tokens=12))
    assert answer.keys() == {"text", "ended", "logprobs"}
    assert answer["text"] == "".join(piece.content for piece in pieces)
    assert answer["ended"] == pieces[-1].ended
    assert answer["logprobs"] == pytest.approx(pieces[-1].logprobs)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["a", "temprature=1"], "did you mean 'temperature'"),
        (["a", "max_tokens=0"], "max_tokens"),
        (["a", "b"], "more than one prompt"),
    ],
)
def test_what_cannot_be_leaves_with_2(words: list[str], told: str, generate: Generate, run: Path) -> None:
    code, shown, err = generate(run, *words)
    assert (code, shown[-1]) == (2, "")
    assert err.startswith("error: ")
    assert told in err


def test_a_run_that_does_not_write_is_told_so(
    generate: Generate, trained: Callable[[str], Path], tmp_path: Path
) -> None:
    code, shown, err = generate(tmp_path / "none", "a")
    assert (code, shown[-1]) == (2, "")
    code, shown, err = generate(trained("text-classification"), "a")
    assert (code, shown[-1]) == (2, "")
    assert "not given piece by piece" in err
