"""Texts: tokenised once, embedded by a table. Any language, no word segmenter. Read next: text/tokenizer.py."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from noria.contract import Modality
from noria.contract.capabilities import (
    IDS,
    Attributable,
    Augments,
    Displays,
    TellsReading,
    Truncates,
    Vectorizes,
    WarmStarts,
)
from noria.contract.settings import IS_SHAPE, TRIED
from noria.errors import UserError
from noria.modalities.text.arrays import ENDS, RAW, STARTS
from noria.text.learning import learn_text, text_of, usable_texts
from noria.text.tokenizer import Tokenizer
from noria.types import PAD, Arrays, Encoded, Panel, Ragged, Span, State, Values

if TYPE_CHECKING:
    from torch import Tensor, nn

READ_WHOLE = (0, 4, 6)  # of `characters`, as found on English sentences and Chinese reviews
NOWHERE = -1  # where a special token stands in the raw text
CHARACTERS_A_TOKEN = 4  # of max_tokens, beyond which no character is read


def _is_read_whole(text: Text) -> bool:
    """Say whether nothing else depends on where each token stands."""
    return not text.keep and text.mask_word is None


def _vocabularies(text: Text) -> Sequence[int]:
    return (4096, 8192) if text.tokenizer in ("bpe", "unigram") and _is_read_whole(text) else ()


def _ngrams(text: Text) -> Sequence[int]:
    return (1, 2, 3) if _is_read_whole(text) else ()


def _characters_tried(text: Text) -> Sequence[int]:
    return READ_WHOLE if _is_read_whole(text) else ()


def _token_dropouts(text: Text) -> Sequence[float]:
    return (0.0, 0.1, 0.3, 0.5) if _is_read_whole(text) else ()


@dataclass(frozen=True)
class Text(Modality, WarmStarts, Truncates, Augments, Displays, Attributable, TellsReading, Vectorizes):
    """A text. Arrays: `ids` Ragged int; with `keep` also `starts` and `ends`, Ragged int32, the characters of the raw
    text that each token stands for (-1 for special tokens), and `_text`, the raw text as UTF-8 bytes; with `characters`
    also `characters`, Ragged int, a space before and after the text.

    With `characters` each reading becomes one token, its mean, and answers by itself where the target is voting.
    `token_dropout` leaves the first token alone; of characters it leaves out fewer, so that the longest run of either
    reading stays whole as often. A text must hold its `mask_word`; nothing else is read as a special token.
    """

    kind: ClassVar[str] = "text"
    num_fit_records: ClassVar[int] = 50_000

    tokenizer: str = "bpe"
    """`bpe`, `unigram`, `character`, `byte`, or a folder with a tokenizer.json. Characters suit names."""
    vocabulary: int | None = field(default=8192, metadata={TRIED: _vocabularies, IS_SHAPE: True})
    """Number of tokens that `bpe` or `unigram` learn. Null takes 2,048 to 8,192 by the number of training texts."""
    lowercase: bool = False
    """Read all text in lower case. For little data in which capitals say nothing."""
    max_tokens: int = 512
    """Longest text in tokens, special ones included; the rest is cut off. Memory and time grow with it."""
    begin: bool = False
    """Put a begin token before each text: a place that can stand for all of it, or for no answer."""
    end: bool = False
    """Put an end token after each text: it marks where one text stops and the next begins."""
    keep: bool = False
    """Store the raw text and where each token stands in it. Needed where answers are stretches of the text."""
    ngrams: int = field(default=1, metadata={"network_only": True, TRIED: _ngrams, IS_SHAPE: True})
    """Longest run of tokens with an embedding of its own. Raise to 2 or 3 for fast classifiers without a trunk."""
    characters: int = field(default=0, metadata={TRIED: _characters_tried, IS_SHAPE: True})
    """Longest run of characters with an embedding, in a second reading of the text; 0 is off. For typos."""
    token_dropout: float = field(default=0.0, metadata={"network_only": True, TRIED: _token_dropouts})
    """Augmentation: fraction of tokens left out, 0 to 1. Raise it against relying on single words."""
    mask_word: str | None = None
    """What stands in a text for the token to be filled in, as [MASK]. Change it to the users' own sign."""

    def __post_init__(self) -> None:
        if not 0 <= self.token_dropout < 1 or self.ngrams < 1 or self.characters < 0:
            expected = "token_dropout at least 0 and less than 1, ngrams at least 1, characters at least 0"
            raise ValueError(f"must be {expected}")

    def fit(self, values: Values) -> State:
        state = learn_text(values, self.tokenizer, self.vocabulary, self.lowercase)
        if not self.characters:
            return state
        texts = (text for value in values if (text := text_of(value)) is not None)
        return {**state, "characters": Tokenizer.train([" ", *texts], "character", lowercase=self.lowercase).to_json()}

    def warm_start(self, state: State) -> State | None:
        return state

    def encode(self, values: Values, state: State) -> Encoded:
        tokenizer = Tokenizer.from_json(state["tokenizer"])
        texts, bad = usable_texts(values, self.is_optional)
        begin, end = tokenizer.begin if self.begin else None, tokenizer.end if self.end else None
        if self.mask_word is not None:
            lacking = f"the text has no {self.mask_word} to be filled in"
            bad |= {i: lacking for i, text in enumerate(texts) if text and not self._has_mask(text)}
        arrays: Arrays = {}
        if self.characters:
            spaced = _characters(state).encode([f" {text} " if text else "" for text in texts])
            arrays["characters"] = spaced.cut(CHARACTERS_A_TOKEN * self.max_tokens)
        if not self.keep and not any(self._has_mask(text) for text in texts):
            ids = tokenizer.encode(texts)
            return Encoded({IDS: ids.cut(self._room).with_ends(begin, end), **arrays}, bad, ids.beyond(self._room))
        ids, *places = self._with_places(texts, tokenizer)
        arrays[IDS] = ids.cut(self._room).with_ends(begin, end)
        if self.keep:
            around = [NOWHERE if one is not None else None for one in (begin, end)]
            starts, ends = (place.cut(self._room).with_ends(*around) for place in places)
            arrays |= {STARTS: starts, ENDS: ends, RAW: Ragged.of_texts(texts)}
        return Encoded(arrays, bad, ids.beyond(self._room))

    def most_read(self) -> tuple[str, int]:
        return "max_tokens", self.max_tokens

    def display(self, arrays: Arrays, state: State) -> str:
        if RAW in arrays:  # as it was given: word pieces lose cases and spaces
            return bytes(np.asarray(arrays[RAW], np.uint8)).decode("utf-8", "replace")
        return Tokenizer.from_json(state["tokenizer"]).decode(np.asarray(arrays[IDS]))

    def augment(self, arrays: dict[str, Tensor]) -> dict[str, Tensor]:
        if not self.token_dropout:
            return arrays
        import torch

        kept = {IDS: 1 - self.token_dropout}
        if self.characters:
            kept["characters"] = (1 - self.token_dropout) ** (self.ngrams / self.characters)
        varied = dict(arrays)
        for name, share in kept.items():
            is_dropped = torch.rand(arrays[name].shape) >= share
            is_dropped[:, :1] = False
            varied[name] = arrays[name].masked_fill(is_dropped.to(arrays[name].device), PAD)
        return varied

    def embedder(self, state: State, width: int) -> nn.Module:
        from noria.modalities.text.embedder import GramEmbedder, TwoReadings
        from noria.model.token_embedder import text_embedder

        if self.characters:
            return TwoReadings(
                GramEmbedder(state["vocabulary"], width, self.ngrams),
                GramEmbedder(_characters(state).size, width, self.characters),
            )
        if self.ngrams > 1:
            return GramEmbedder(state["vocabulary"], width, self.ngrams)
        return text_embedder(state, width)

    def vectorizer(self, state: State) -> nn.Module:
        from noria.modalities.text.vectorizer import TextVectorizer

        return TextVectorizer(has_characters=self.characters > 0)

    def spans(self, value: Any, state: State) -> list[Span]:
        tokenizer = Tokenizer.from_json(state["tokenizer"])
        _, starts, ends = (one.cut(self._room)[0] for one in self._with_places([text_of(value) or ""], tokenizer))
        if self.characters:
            by_tokens = int(ends.max(initial=0))
            by_characters = min(len(text_of(value) or ""), CHARACTERS_A_TOKEN * self.max_tokens - 1)  # a space is first
            return [
                Span("characters", 0, by_tokens, "by tokens"),
                Span("characters", 0, by_characters, "by characters"),
            ]
        inside = [Span("characters", int(a), int(b)) for a, b in zip(starts, ends, strict=True)]
        first = [Span("characters", 0, 0, "begin")] if self.begin else []
        last = [Span("characters", 0, 0, "end")] if self.end else []
        return [*first, *inside, *last]

    def reading(self, state: State) -> Panel:
        from noria.modalities.text.reading import panel_of

        return panel_of(state, self.max_tokens)

    def remarks(self, state: State) -> list[str]:
        return []

    @property
    def _room(self) -> int:
        return max(0, self.max_tokens - int(self.begin) - int(self.end))

    def _has_mask(self, text: str) -> bool:
        return self.mask_word is not None and self.mask_word in text

    def _with_places(self, texts: list[str], tokenizer: Tokenizer) -> tuple[Ragged, Ragged, Ragged]:
        """Return ids, starts and ends of texts in which the mask word stands for a token to be filled in."""
        word = self.mask_word
        if word is None or not any(word in text for text in texts):
            return tokenizer.encode_spans(texts)
        if tokenizer.mask is None:
            raise UserError("this tokenizer has no mask token", where="mask_word", found=word)
        pieces = [text.split(word) for text in texts]
        if tokenizer.kind in ("character", "byte"):
            encoded = tokenizer.encode_spans([piece for one in pieces for piece in one])
        else:  # a space before the mask is a part of the token that it stands for
            bare = [[*(piece.rstrip(" ") for piece in one[:-1]), one[-1]] for one in pieces]
            encoded = tokenizer.encode_spans([piece for one in bare for piece in one])
        rows: list[np.ndarray] = []
        number = 0
        for one in pieces:
            parts: list[np.ndarray] = []
            at = 0
            for piece in one:
                ids, starts, ends = (values[number].astype(np.int64) for values in encoded)
                mask = [[tokenizer.mask], [at + len(piece)], [at + len(piece) + len(word)]]
                parts += [np.stack([ids, starts + at, ends + at]), np.array(mask)]
                number, at = number + 1, at + len(piece) + len(word)
            rows.append(np.concatenate(parts[:-1], 1))
        kinds = [values.values.dtype for values in encoded]
        ids, starts, ends = (Ragged.of([row[i] for row in rows], kind) for i, kind in enumerate(kinds))
        return ids, starts, ends


def _characters(state: State) -> Tokenizer:
    """Return what reads a text by characters."""
    if "characters" not in state:
        raise UserError(
            "what was learnt elsewhere reads texts by tokens alone", where="inputs", fix="leave out characters"
        )
    return Tokenizer.from_json(state["characters"])
