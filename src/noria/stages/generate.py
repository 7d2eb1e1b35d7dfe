"""Write an answer to one prompt, piece by piece or as a file: what stands behind `noria generate`.

The prompt fills the one input of a task. Knows no task. Read next: pipeline/predictor.py, model/generation/generate.py.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml

from noria.contract import dispatch
from noria.errors import UserError
from noria.pipeline.predictor import Predictor, load
from noria.store.disk import whole_file
from noria.types import Chunk, Prediction
from noria.types.records import SUFFIXES

SETTING = re.compile(r"[a-z_]+=")
PLAIN = ".txt"  # the ending of a file that holds an answer in words as it is


def generate(
    run: str | Path, words: Sequence[str], read: Callable[[], bytes], is_typed: bool = False
) -> Iterator[Chunk]:
    """Yield the pieces of the answer to a prompt. `words`: the prompt and settings as key=value, in any order.

    `read` gives the prompt where no word is one; a line break at its end is left out. Where a person would have to type
    it (`is_typed`), a model that needs none is not given any.
    """
    prompts, settings = _told_apart(words)
    predictor = load(run)
    yield from predictor.stream(_prompt(predictor, prompts, read, is_typed), **settings)


def generate_to(
    run: str | Path, out: Path, words: Sequence[str], read: Callable[[], bytes], is_typed: bool = False
) -> str:
    """Write the whole answer to a prompt as a file, by its ending; return what to say."""
    prompts, settings = _told_apart(words)
    predictor = load(run)
    target, suffix = predictor.task.target, out.suffix.lower()
    plain = SUFFIXES.get(dispatch.media_type(target) or "", PLAIN)
    if suffix != plain and dispatch.export(target, Prediction(""), suffix) is None:
        raise UserError(f"this answer is not written as {suffix or 'a folder'}", where=str(out), expected=plain)
    pieces = list(predictor.stream(_prompt(predictor, prompts, read, is_typed), **settings))
    parts = [piece.content if isinstance(piece.content, bytes) else piece.content.encode() for piece in pieces]
    whole: bytes | None = b"".join(parts)
    if suffix != plain:
        whole = dispatch.export(target, Prediction(b"".join(parts).decode()), suffix)
    assert whole is not None
    with whole_file(out) as file:
        file.write_bytes(whole)
    return "; ".join([f"wrote the answer to {out}", *(piece.note for piece in pieces if piece.note)])


def _told_apart(words: Sequence[str]) -> tuple[list[str], dict[str, Any]]:
    """Return the prompt, if a word is one, and the settings."""
    prompts = [word for word in words if not SETTING.match(word)]
    if len(prompts) > 1:
        raise UserError(
            "there is more than one prompt", found=" and ".join(map(repr, prompts[:3])), fix="put it into quotes"
        )
    return prompts, dict(_setting(word) for word in words if SETTING.match(word))


def _prompt(predictor: Predictor, prompts: Sequence[str], read: Callable[[], bytes], is_typed: bool) -> str:
    if prompts:
        return prompts[0]
    needs_none = all(one.is_optional for one in predictor.task.inputs.values())
    return "" if is_typed and needs_none else _text(read())


def _setting(word: str) -> tuple[str, Any]:
    key, _, text = word.partition("=")
    try:
        return key, yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise UserError("this value cannot be read", where=key, found=text, fix="put it into quotes") from error


def _text(data: bytes) -> str:
    try:
        return data.decode("utf-8").removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError as error:
        raise UserError("the prompt is not UTF-8", where=f"standard input, byte {error.start}") from error
