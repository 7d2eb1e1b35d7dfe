"""Write an answer to one prompt, piece by piece: what stands behind `noria generate`.

The prompt fills the one input of a task. Knows no task. Read next: pipeline/predictor.py, model/generation/generate.py.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml

from noria.errors import UserError
from noria.pipeline.predictor import load
from noria.types import Chunk

SETTING = re.compile(r"[a-z_]+=")


def generate(run: str | Path, words: Sequence[str], read: Callable[[], bytes]) -> Iterator[Chunk]:
    """Yield the pieces of the answer to a prompt. `words`: the prompt and settings as key=value, in any order.

    `read` gives the prompt where no word is one; a line break at its end is left out.
    """
    prompts = [word for word in words if not SETTING.match(word)]
    settings = dict(_setting(word) for word in words if SETTING.match(word))
    if len(prompts) > 1:
        raise UserError(
            "there is more than one prompt", found=" and ".join(map(repr, prompts[:3])), fix="put it into quotes"
        )
    predictor = load(run)
    prompt = prompts[0] if prompts else _text(read())
    yield from predictor.stream(prompt, **settings)


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
