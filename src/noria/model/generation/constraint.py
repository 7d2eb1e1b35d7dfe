"""Answers that must match a JSON schema or a regular expression: which tokens may come next, by the library llguidance.

It needs no index over the vocabulary beforehand: a mask takes about 50 microseconds. Read next: generate.py.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from noria.errors import UserError, needs_extra
from noria.model.generation.sampling import Sampling


class Constraint:
    """Follow each row through its grammar."""

    def __init__(self, matchers: list[Any], vocabulary: int, where: str) -> None:
        self.matchers = matchers
        self.vocabulary = vocabulary
        self.where = where

    @classmethod
    def of(cls, sampling: Sampling, tokenizer: Any, size: int, vocabulary: int) -> Constraint | None:
        """Return the constraint of `size` rows, or None if none is asked for; raise UserError for a broken one."""
        if sampling.json_schema is None and sampling.regex is None:
            return None
        try:
            import llguidance
        except ImportError:
            raise needs_extra("llguidance", "text", "an answer that matches a schema") from None
        matcher = llguidance.LLMatcher
        if sampling.json_schema is not None:
            where, schema = "json_schema", json.dumps(dict(sampling.json_schema))
            grammar = matcher.grammar_from_json_schema(schema, defaults={"whitespace_flexible": False})
        else:
            where, grammar = "regex", matcher.grammar_from_regex(sampling.regex or "")
        problem = matcher.validate_grammar(grammar)
        if problem:
            raise UserError(f"this {where} cannot be followed", where=where, found=str(problem).strip())
        words = _words(tokenizer, vocabulary)
        return cls([matcher(words, grammar) for _ in range(size)], vocabulary, where)

    def allowed(self, rows: Sequence[int]) -> Tensor:
        """Return bool[rows, V]: which tokens may come next; raise UserError where the grammar is at a loss."""
        bits = [np.frombuffer(self.matchers[row].compute_bitmask(), np.uint8) for row in rows]
        flags = np.unpackbits(np.stack(bits), axis=1, bitorder="little")[:, : self.vocabulary]
        for row, one in zip(rows, flags, strict=True):
            if self.matchers[row].is_error() or not one.any():
                found = self.matchers[row].get_error().partition("\n")[0] or "no token of the vocabulary fits"
                raise UserError(f"this {self.where} cannot be followed", where=self.where, found=found)
        return torch.from_numpy(flags.astype(bool))

    def take(self, row: int, token: int) -> None:
        """Go on by the token a row has chosen."""
        self.matchers[row].consume_token(token)


class _Vocabulary:
    """A tokenizer as llguidance wants it: the bytes of each token, and how a text becomes tokens."""

    bos_token_id = None

    def __init__(self, tokenizer: Any, size: int) -> None:
        self._tokenizer = tokenizer
        self.eos_token_id = tokenizer.end
        self.tokens = [*tokenizer.pieces, *([b""] * (size - len(tokenizer.pieces)))]
        self.special_token_ids = [number for number, piece in enumerate(self.tokens) if not piece]

    def __call__(self, text: bytes) -> list[int]:
        ids: list[int] = self._tokenizer.encode([text.decode("utf-8", "replace")])[0].tolist()
        return ids


@functools.lru_cache(maxsize=4)
def _words(tokenizer: Any, vocabulary: int) -> Any:
    """Return llguidance's view of a tokenizer, made once for each."""
    import llguidance

    if tokenizer.pieces is None:
        raise UserError(
            "a constraint needs a vocabulary whose tokens are spelled alike everywhere",
            expected="bpe, byte or character, or the byte-level vocabulary of a checkpoint",
        )
    return llguidance.LLTokenizer(llguidance.TokenizerWrapper(_Vocabulary(tokenizer, vocabulary)), n_vocab=vocabulary)
