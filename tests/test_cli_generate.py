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
from noria.errors import UserError
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


class Typed(io.BytesIO):
    """What a person types at a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def generate(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Generate:
    """A function: words, what stands on standard input -> exit code, what was shown when, what standard error said."""

    def run(*words: object, given: bytes = b"", is_terminal: bool = False) -> tuple[int, list[str], str]:
        screen = Screen()
        with monkeypatch.context() as patched:
            patched.setattr(sys, "argv", ["noria", "generate", *map(str, words)])
            patched.setattr(sys, "stdin", io.TextIOWrapper(Typed(given) if is_terminal else io.BytesIO(given)))
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


def test_the_answer_is_written_to_a_file(generate: Generate, run: Path, tmp_path: Path) -> None:
    _, shown, _ = generate(run, "To be", *SETTINGS)
    out = tmp_path / "answer.txt"
    code, said, _ = generate(run, "To be", *SETTINGS, "--out", out)
    assert (code, said[-1]) == (0, f"wrote the answer to {out}\n")
    assert out.read_text("utf-8") + "\n" == shown[-1]
    code, _, err = generate(run, "To be", "--out", tmp_path / "answer.docx")
    assert code == 2
    assert "not written as .docx" in err
    assert "expected: .txt" in err
    assert not (tmp_path / "answer.docx").exists()


def test_a_voice_writes_its_sound_to_a_file(generate: Generate, trained: Callable[[str], Path], tmp_path: Path) -> None:
    out = tmp_path / "said.wav"
    code, _, err = generate(trained("text-to-speech"), "aoi", "--out", out)
    assert (code, err) == (0, "")
    assert out.read_bytes()[:4] == b"RIFF"
    code, _, err = generate(trained("text-to-speech"), "aoi", "--out", tmp_path / "said.txt")
    assert code == 2
    assert "expected: .wav" in err


def test_new_molecules_need_no_prompt_where_it_would_have_to_be_typed(
    generate: Generate, trained: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **settings: object) -> Any:
        raise UserError("asked", found=f"{_[1]!r} {settings}")

    monkeypatch.setattr(Predictor, "stream", refuse)
    molecules, voice = trained("molecule-generation"), trained("text-to-speech")
    for model, is_terminal, told in (
        (molecules, True, "'' {'count': 3}"),
        (molecules, False, "'logp 2..3' {'count': 3}"),
        (voice, True, "'logp 2..3' {'count': 3}"),
    ):
        code, _, err = generate(model, "count=3", given=b"logp 2..3", is_terminal=is_terminal)
        assert (code, told in err) == (2, True), err
