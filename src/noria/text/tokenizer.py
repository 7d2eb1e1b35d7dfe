"""Texts to token ids and back: byte-level BPE, unigram, characters, bytes, or the tokenizer of a checkpoint.

What a user writes is never read as a special token: ours have no spelling at all (ids above the vocabulary), those of a
checkpoint are not looked for. All of it is one JSON text, which travels in a bundle. No torch here.
Source of BPE: Sennrich et al. 2016; of byte-level BPE: Radford et al. 2019; of unigram: Kudo 2018.
"""

from __future__ import annotations

import functools
import itertools
import json
import re
import unicodedata
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from noria.errors import UserError, needs_extra
from noria.text.decoding import BytesDecoder, ContextDecoder, Decoder, byte_level_pieces, is_byte_level
from noria.types import Ragged

LEAST_CHUNK, CHUNK = 16, 500  # texts that are encoded at once: enough for all cores, little memory
CHUNKS = 8  # at least, where there are enough texts
AT_ONCE = 3  # chunks: while the ids of one are made an array, all cores are busy with the others
BYTE_TOKEN = re.compile("<0x[0-9A-F]{2}>")  # one byte, where a vocabulary falls back to bytes
UNIGRAM_STEP = 1e-4  # between the scores that the trainer gives to characters it would have left out
KINDS = ("bpe", "unigram", "character", "byte")
SPECIALS = ("end", "mask", "unknown")  # ids above the vocabulary, in this order; a text begins with the end of another


class Tokenizer:
    """A learnt vocabulary. `begin`, `end`, `mask` and `unknown` are ids; `size` counts all ids."""

    def __init__(self, parts: dict[str, Any]) -> None:
        self.kind: str = parts["kind"]
        self.size: int = parts["size"]
        self.begin: int = parts["begin"]
        self.end: int = parts["end"]
        self.mask: int | None = parts["mask"]
        self.unknown: int | None = parts["unknown"]
        self._parts = parts
        self._dtype = np.uint16 if self.size <= 2**16 else np.int32

    @staticmethod
    def train(texts: Iterable[str], kind: str, vocabulary: int = 8192, lowercase: bool = False) -> Tokenizer:
        """Learn a vocabulary of at most `vocabulary` entries from texts; the same from the same texts."""
        if kind == "byte":
            return Tokenizer(_with_specials({"kind": kind, "lowercase": lowercase}, 256))
        if kind == "character":
            parts: dict[str, Any] = {"kind": kind, "lowercase": lowercase, "characters": []}
            read = Tokenizer(_with_specials(parts, 0))._prepared
            characters = sorted({one for text in texts for one in set(read(text))})
            return Tokenizer(_with_specials({**parts, "characters": characters}, len(characters)))
        return _trained(texts, kind, vocabulary, lowercase)

    @staticmethod
    def from_json(text: str, end: int | None = None) -> Tokenizer:
        """Return the tokenizer of a state; the same object for the same text.

        `end`: the id that ends an answer, where it is not the tokenizer's own (a chat's closing token).
        """
        return _of_json(text, end)

    @staticmethod
    def from_folder(path: Path) -> Tokenizer:
        """Load the tokenizer.json of a Hugging Face folder; raise UserError where there is none."""
        file = path / "tokenizer.json"
        if not file.is_file():
            raise UserError("there is no tokenizer here", where=str(path), expected="a folder with tokenizer.json")
        return Tokenizer.of_checkpoint(file.read_text("utf-8"), tokenizer_settings(path))

    @staticmethod
    def of_checkpoint(text: str, settings: dict[str, Any]) -> Tokenizer:
        """Return a checkpoint's tokenizer from its tokenizer.json and the names of its special tokens."""
        backend = _backend(text)

        def id_of(*names: str) -> int | None:
            for name in names:
                one = settings.get(name)
                token = one.get("content") if isinstance(one, dict) else one
                if token is not None and (found := backend.token_to_id(token)) is not None:
                    return int(found)
            return None

        end = id_of("sep_token", "eos_token", "pad_token")
        begin = id_of("cls_token", "bos_token", "eos_token")
        if end is None:
            raise UserError("the checkpoint's tokenizer names no end token", expected="sep_token or eos_token")
        parts = {"kind": "pretrained", "size": backend.get_vocab_size(), "backend": text, "lowercase": False}
        parts |= {"begin": end if begin is None else begin, "end": end}
        return Tokenizer({**parts, "mask": id_of("mask_token"), "unknown": id_of("unk_token")})

    def to_json(self) -> str:
        """Return all of it as one text."""
        return json.dumps(self._parts, ensure_ascii=False)

    def id_of(self, token: str) -> int | None:
        """Return the id of a token by its spelling in the vocabulary, special ones included; None if there is none."""
        found = self._backend.token_to_id(token) if "backend" in self._parts else None
        return None if found is None else int(found)

    def spelling(self, index: int) -> str:
        """Return how a token is spelled in the vocabulary, "" for one that has no spelling."""
        found = self._backend.id_to_token(index) if "backend" in self._parts else None
        return found or ""

    def is_special(self, index: int) -> bool:
        """Say whether an id is one of the special tokens that a checkpoint's vocabulary names."""
        return self.spelling(index) in self.special_spellings

    @functools.cached_property
    def special_spellings(self) -> frozenset[str]:
        """Return the spellings of a checkpoint's special tokens."""
        if "backend" not in self._parts:
            return frozenset()
        added = self._backend.get_added_tokens_decoder().values()
        return frozenset(one.content for one in added if one.special)

    def encode_marked(self, text: str, is_marked: bool) -> tuple[list[int], list[int]]:
        """Return ids and where each starts in a text; if it `is_marked`, special tokens spelled in it are read."""
        backend = _backend(self._parts["backend"], is_marked)
        found = backend.encode(text, add_special_tokens=False)
        return list(found.ids), [start for start, _ in found.offsets]

    def encode(self, texts: Sequence[str]) -> Ragged:
        """Return the ids of texts, without special tokens."""
        if not any(texts):  # of an input that no record has
            return Ragged(np.zeros(0, self._dtype), np.zeros(len(texts) + 1, np.int64))
        if self.kind in ("byte", "character"):
            return Ragged.of([self._simple(text) for text in texts], self._dtype)
        size = min(CHUNK, max(LEAST_CHUNK, len(texts) // CHUNKS))
        chunks = [list(texts[start : start + size]) for start in range(0, len(texts), size)]
        if len(chunks) > 1:
            with ThreadPoolExecutor(AT_ONCE) as pool:
                found = list(pool.map(self._encoded, chunks))
        else:
            found = [self._encoded(chunk) for chunk in chunks]
        ids, lengths = ([one[i] for one in found] for i in range(2))
        offsets = np.zeros(len(texts) + 1, np.int64)
        np.cumsum(np.concatenate([np.zeros(0, np.int64), *lengths]), out=offsets[1:])
        return Ragged(np.concatenate([np.zeros(0, self._dtype), *ids]), offsets)

    def encode_spans(self, texts: Sequence[str]) -> tuple[Ragged, Ragged, Ragged]:
        """Return ids, and where each token starts and ends in its raw text, in characters."""
        if self.kind in ("byte", "character"):
            ids = self.encode(texts)
            places = [self._places(text) for text in texts]
            starts, ends = (Ragged.of([one[i] for one in places], np.int32) for i in range(2))
            return ids, starts, ends
        found = [
            one
            for start in range(0, len(texts), CHUNK)
            for one in self._backend.encode_batch(list(texts[start : start + CHUNK]), add_special_tokens=False)
        ]
        spans = [np.array(one.offsets, np.int32).reshape(-1, 2) for one in found]
        if self.kind != "pretrained":  # ours leave nothing out, but a composed accent is counted to no token
            for span, text in zip(spans, texts, strict=True):
                following = np.append(span[:, 0], len(text))[np.searchsorted(span[:, 0], span[:, 0], "right")]
                span[:, 1] = np.maximum(span[:, 1], following)
        ids = Ragged.of([one.ids for one in found], self._dtype)
        return (
            ids,
            Ragged.of([span[:, 0] for span in spans], np.int32),
            Ragged.of([span[:, 1] for span in spans], np.int32),
        )

    def decode(self, ids: Sequence[int] | np.ndarray) -> str:
        """Return the text of ids; special tokens are left out, broken bytes become U+FFFD."""
        plain = [int(one) for one in ids if 0 <= one < self.size and one not in self._special_ids]
        if self.pieces is not None:
            return b"".join([self.pieces[one] for one in plain]).decode("utf-8", "replace")
        text: str = self._backend.decode(plain, skip_special_tokens=True)
        return text

    def decode_many(self, rows: Ragged) -> list[str]:
        """Return the text of each row."""
        return [self.decode(rows[i]) for i in range(len(rows))]

    def decoder(self) -> Decoder:
        """Return what turns ids into text as they come."""
        return BytesDecoder(self.pieces) if self.pieces is not None else ContextDecoder(self.decode)

    def num_bytes(self, rows: Ragged) -> Ragged:
        """Return how many bytes of UTF-8 each token stands for, uint8; 0 for special tokens."""
        return Ragged(self._sizes[rows.values], rows.offsets)

    @functools.cached_property
    def pieces(self) -> list[bytes] | None:
        """Return the bytes of UTF-8 that each id stands for, b"" for special tokens.

        None where that depends on the tokens before it, as with word pieces.
        """
        if self.kind == "byte":
            plain = [bytes([one]) for one in range(256)]
        elif self.kind == "character":
            plain = [one.encode() for one in self._parts["characters"]]
        elif is_byte_level(self._parts["backend"]):
            plain = byte_level_pieces(self._backend)
        else:
            return None
        return [b"" if one in self._special_ids or one >= len(plain) else plain[one] for one in range(self.size)]

    @functools.cached_property
    def _backend(self) -> Any:
        return _backend(self._parts["backend"])

    @functools.cached_property
    def _special_ids(self) -> set[int]:
        return {one for one in (self.begin, self.end, self.mask, self.unknown) if one is not None}

    @functools.cached_property
    def _table(self) -> np.ndarray:
        """Return the id of each code point up to the highest known one; the one after it is the unknown token's."""
        points = np.array([ord(one) for one in self._parts["characters"]], np.int64)
        table = np.full(int(points.max(initial=0)) + 2, self.unknown, self._dtype)
        table[points] = np.arange(len(points))
        return table

    @functools.cached_property
    def _sizes(self) -> np.ndarray:
        if self.pieces is not None:
            sizes = [len(one) for one in self.pieces]
        else:
            spelled = [self._backend.id_to_token(i) or "" for i in range(self._backend.get_vocab_size())]
            sizes = [
                1 if BYTE_TOKEN.fullmatch(one) else len(one.removeprefix("##").replace("▁", " ").encode())
                for one in spelled
            ]
        whole = np.zeros(self.size, np.uint8)
        whole[: len(sizes)] = np.minimum(sizes, 255)
        whole[list(self._special_ids)] = 0
        return whole

    def _simple(self, text: str) -> np.ndarray:
        text = self._prepared(text)
        if self.kind == "byte":
            return np.frombuffer(text.encode(), np.uint8)
        points = np.frombuffer(text.encode("utf-32-le"), np.uint32)
        return np.asarray(self._table[np.minimum(points, len(self._table) - 1)])

    def _prepared(self, text: str) -> str:
        """Return a text as it is read: what looks the same is the same, but bytes are what they are."""
        if self.kind == "character":
            text = unicodedata.normalize("NFC", text)
        return text.lower() if self._parts["lowercase"] else text

    def _places(self, text: str) -> np.ndarray:
        """Return int[2, n]: first and last + 1 of the raw characters that each prepared one, or byte, stands for."""
        starts = _whole_characters(text) if self.kind == "character" else list(range(len(text)))
        ends = [*starts[1:], len(text)]
        prepared = [self._prepared(text[a:b]) for a, b in zip(starts, ends, strict=False)]
        sizes = [len(one.encode()) if self.kind == "byte" else len(one) for one in prepared]  # one may become two
        return np.repeat(np.array([starts, ends[: len(starts)]], np.int32), sizes, axis=1)

    def _encoded(self, texts: list[str]) -> tuple[np.ndarray, np.ndarray]:
        """Return the ids of all texts, one after another, and how many each has."""
        found = [one.ids for one in self._backend.encode_batch_fast(texts, add_special_tokens=False)]
        lengths = np.fromiter(map(len, found), np.int64, len(found))
        return np.fromiter(itertools.chain.from_iterable(found), self._dtype, int(lengths.sum())), lengths


def tokenizer_settings(folder: Path) -> dict[str, Any]:
    """Return what a Hugging Face folder says of its tokenizer: special tokens by role, a chat template, ..."""
    settings: dict[str, Any] = {}
    for name in ("special_tokens_map.json", "tokenizer_config.json"):
        if (folder / name).is_file():
            settings |= json.loads((folder / name).read_text("utf-8"))
    return settings


@functools.lru_cache(maxsize=16)
def _of_json(text: str, end: int | None) -> Tokenizer:
    parts = json.loads(text)
    return Tokenizer(parts if end is None else {**parts, "end": end})


@functools.lru_cache(maxsize=16)
def _backend(text: str, is_marked: bool = False) -> Any:
    backend = _tokenizers().Tokenizer.from_str(text)
    backend.encode_special_tokens = not is_marked  # what looks like a special token in a text is text
    backend.no_truncation()
    backend.no_padding()
    return backend


def _tokenizers() -> Any:
    try:
        import tokenizers
    except ImportError as error:
        raise needs_extra("tokenizers", "text", "this vocabulary") from error
    return tokenizers


def _trained(texts: Iterable[str], kind: str, vocabulary: int, lowercase: bool) -> Tokenizer:
    """Train a BPE over bytes or a unigram model over characters with the `tokenizers` package."""
    lib = _tokenizers()
    normal = [lib.normalizers.NFC(), *([lib.normalizers.Lowercase()] if lowercase else [])]
    if kind == "bpe":
        backend = lib.Tokenizer(lib.models.BPE())
        backend.pre_tokenizer = lib.pre_tokenizers.ByteLevel(add_prefix_space=False)
        backend.decoder = lib.decoders.ByteLevel()
        alphabet = sorted(lib.pre_tokenizers.ByteLevel.alphabet())
        most = max(vocabulary - len(SPECIALS), len(alphabet))
        trainer = lib.trainers.BpeTrainer(vocab_size=most, initial_alphabet=alphabet, show_progress=False)
    else:
        backend = lib.Tokenizer(lib.models.Unigram())
        split = lib.pre_tokenizers.Punctuation(behavior="isolated")
        backend.pre_tokenizer = lib.pre_tokenizers.Sequence([lib.pre_tokenizers.Metaspace(), split])
        backend.decoder = lib.decoders.Metaspace()
        trainer = lib.trainers.UnigramTrainer(
            vocab_size=vocabulary - len(SPECIALS), unk_token="<unk>", special_tokens=["<unk>"], show_progress=False
        )
    backend.normalizer = lib.normalizers.Sequence(normal)
    try:
        backend.train_from_iterator(texts, trainer)
    except Exception as error:  # the library has no class of its own for it
        if "not large enough" not in str(error):
            raise
        fix = "a larger vocabulary, or tokenizer=bpe, which needs none of that size"
        raise UserError(
            "the vocabulary has less room than the texts have characters", found=str(vocabulary), fix=fix
        ) from error
    text = backend.to_str() if kind == "bpe" else _steady(backend.to_str())
    parts = {"kind": kind, "lowercase": lowercase, "backend": text}
    return Tokenizer(_with_specials(parts, backend.get_vocab_size()))


def _steady(backend: str) -> str:
    """Return a trained unigram model whose scores and order do not depend on how a hash table was walked.

    The trainer sums in any order, and gives characters it would have left out scores just above the lowest, in any
    order too: those are made the lowest.
    """
    parts = json.loads(backend)
    unknown, *others = parts["model"]["vocab"]
    lowest = min((score for _, score in others), default=0.0)
    near = lowest + UNIGRAM_STEP * len(others)
    scored = [(token, round(lowest if score < near else score, 6)) for token, score in others]
    parts["model"]["vocab"] = [unknown, *sorted(scored, key=lambda one: (-one[1], one[0]))]
    return json.dumps(parts, ensure_ascii=False)


def _with_specials(parts: dict[str, Any], plain: int) -> dict[str, Any]:
    end, mask, unknown = range(plain, plain + len(SPECIALS))
    return {**parts, "size": plain + len(SPECIALS), "begin": end, "end": end, "mask": mask, "unknown": unknown}


def _whole_characters(text: str) -> list[int]:
    """Return where the characters of a text begin, each with the accents that are written after it."""
    if unicodedata.is_normalized("NFC", text):
        return list(range(len(text)))
    starts = [0]
    for place in range(1, len(text)):
        next_ = text[place]
        if unicodedata.combining(next_):
            continue  # and nothing is normalized: a million accents after one letter would take for ever
        before = text[starts[-1] : place]
        apart = unicodedata.normalize("NFC", before) + unicodedata.normalize("NFC", next_)
        if unicodedata.normalize("NFC", before + next_) == apart:
            starts.append(place)
    return starts
