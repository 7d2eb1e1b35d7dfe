"""How the next token is chosen from logits: the settings of generation, and the choice. Read next: generate.py."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from noria.errors import UserError, did_you_mean, raise_all, raise_unmet

UNSEEN = float("-inf")
FIRST_CANDIDATES = 256  # top-p sorts so many tokens first, and more only where their mass is too small
MOST_TOKENS = 2**16  # of one answer: the cache is allocated for all of them
MOST_BEAMS = 64
MOST_STOPS = 64
MOST_SEED = 2**63 - 1
SET_BY_JOB = ("beams", "length_penalty")  # what no request may set: beams multiply the memory that it takes


@dataclass(frozen=True)
class Sampling:
    """Settings of generation; targets/text.py has a line for each.

    They apply in this order: repetition_penalty (negative logits are multiplied by it), temperature, top_k, top_p,
    min_p. temperature 0 takes the most likely token.

    seed is that of a request, not of a batch: each row has random numbers of its own, from this seed alone, so a record
    gets the same answer alone and in any batch. For several answers to one record give `generate` a seed for each.
    json_schema, regex: the answer matches it, unless max_tokens cut it short.
    """

    max_tokens: int = 128
    temperature: float = 0.0
    top_k: int | None = None
    top_p: float = 1.0
    min_p: float = 0.0
    repetition_penalty: float = 1.0
    stop: tuple[str, ...] = ()
    seed: int = 0
    beams: int = 1
    length_penalty: float = 1.0
    json_schema: Mapping[str, Any] | None = None
    regex: str | None = None

    def __post_init__(self) -> None:
        is_searched = self.beams > 1
        rules = {
            "max_tokens": (1 <= self.max_tokens <= MOST_TOKENS, f"1 to {MOST_TOKENS}"),
            "temperature": (
                0 <= self.temperature <= 100 and not (is_searched and self.temperature),
                "0 to 100; 0 for beams",
            ),
            "top_k": (self.top_k is None or self.top_k >= 1, "at least 1"),
            "top_p": (0 < self.top_p <= 1, "above 0, at most 1"),
            "min_p": (0 <= self.min_p <= 1, "0 to 1"),
            "repetition_penalty": (0 < self.repetition_penalty <= 100, "above 0, at most 100"),
            "stop": (
                all(self.stop) and len(self.stop) <= MOST_STOPS and not (is_searched and self.stop),
                f"at most {MOST_STOPS} texts that are not empty; none for beams",
            ),
            "seed": (0 <= self.seed <= MOST_SEED, f"0 to {MOST_SEED}"),
            "beams": (1 <= self.beams <= MOST_BEAMS, f"1 to {MOST_BEAMS}"),
            "json_schema": (not (is_searched and self.json_schema is not None), "none for beams"),
            "regex": (
                self.regex is None or (self.json_schema is None and not is_searched),
                "none beside json_schema or beams",
            ),
        }
        raise_unmet("generation", {name: (*rule, getattr(self, name)) for name, rule in rules.items()})

    def overridden(self, settings: Mapping[str, Any]) -> Sampling:
        """Return these settings with those of one request in their place; raise UserError naming all that cannot be."""
        kinds = {one.name: _KINDS[str(one.type)] for one in fields(self) if one.name not in SET_BY_JOB}
        problems = [
            UserError(f"there is no setting {name!r}", fix=did_you_mean(name, kinds))
            for name in settings
            if name not in kinds
        ]
        problems += [
            UserError("this setting is of the wrong kind", where=name, expected=kinds[name][0], found=repr(value)[:60])
            for name, value in settings.items()
            if name in kinds and not kinds[name][1](value)
        ]
        raise_all(problems)
        changes: dict[str, Any] = dict(settings)
        if isinstance(changes.get("stop"), str | list):
            stop = changes["stop"]
            changes["stop"] = (stop,) if isinstance(stop, str) else tuple(stop)
        return replace(self, **changes)


def settings_schema(most_tokens: int = MOST_TOKENS) -> dict[str, Any]:
    """Return the JSON schema of what a request may set."""
    stops = {"type": "string", "minLength": 1}
    properties = {
        "max_tokens": {"type": "integer", "minimum": 1, "maximum": most_tokens},
        "temperature": {"type": "number", "minimum": 0, "maximum": 100},
        "top_k": {"type": ["integer", "null"], "minimum": 1},
        "top_p": {"type": "number", "exclusiveMinimum": 0, "maximum": 1},
        "min_p": {"type": "number", "minimum": 0, "maximum": 1},
        "repetition_penalty": {"type": "number", "exclusiveMinimum": 0, "maximum": 100},
        "stop": {"anyOf": [stops, {"type": "array", "items": stops, "maxItems": MOST_STOPS}]},
        "seed": {"type": "integer", "minimum": 0, "maximum": MOST_SEED},
        "json_schema": {"type": ["object", "null"], "description": "The answer is JSON that this schema allows."},
        "regex": {"type": ["string", "null"], "description": "The answer as a whole matches it."},
    }
    return {"type": "object", "properties": properties, "additionalProperties": False}


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return _is_whole(value) or (isinstance(value, float) and math.isfinite(value))


def _are_texts(value: Any) -> bool:
    return isinstance(value, str) or (isinstance(value, list | tuple) and all(isinstance(one, str) for one in value))


# What a setting may hold, by its annotation.
_KINDS: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "int": ("a whole number", _is_whole),
    "int | None": ("a whole number, or nothing", lambda value: value is None or _is_whole(value)),
    "float": ("a number", _is_number),
    "tuple[str, ...]": ("a text or a list of texts", _are_texts),
    "Mapping[str, Any] | None": ("an object", lambda value: value is None or isinstance(value, Mapping)),
    "str | None": ("a text", lambda value: value is None or isinstance(value, str)),
}


class Chooser:
    """Choose one token for each live row; remembers what each row has said. Rows are dropped by `select`."""

    def __init__(self, sampling: Sampling, seeds: Sequence[int]) -> None:
        self.sampling = sampling
        self.seen: Tensor | None = None  # bool[B, V]
        self.numbers: Tensor | None = None  # float[B, max_tokens], uniform
        if sampling.temperature > 0:
            drawn = [np.random.default_rng(seed).random(sampling.max_tokens) for seed in seeds]
            self.numbers = torch.from_numpy(np.stack(drawn))

    def choose(self, logits: Tensor, step: int, is_allowed: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return ids int[B] and the model's own logprobs of them, float[B], before any setting bends them."""
        logits = logits.float()
        bent = self._bent(logits, is_allowed)
        if self.numbers is None:
            ids = _likeliest_id(bent)
        else:
            ids = self._drawn(bent / self.sampling.temperature, self.numbers[:, step].to(bent.device))
        if self.seen is not None:
            self.seen.scatter_(1, ids[:, None], True)
        logprobs = logits.gather(1, ids[:, None])[:, 0] - logits.logsumexp(-1)
        return ids, logprobs

    def select(self, rows: Tensor) -> None:
        """Keep these rows."""
        self.seen = None if self.seen is None else self.seen[rows]
        self.numbers = None if self.numbers is None else self.numbers[rows.to(self.numbers.device)]

    def _bent(self, logits: Tensor, is_allowed: Tensor | None) -> Tensor:
        penalty = self.sampling.repetition_penalty
        if penalty != 1.0:
            if self.seen is None:
                self.seen = torch.zeros_like(logits, dtype=torch.bool)
            logits = torch.where(self.seen, torch.where(logits > 0, logits / penalty, logits * penalty), logits)
        return logits if is_allowed is None else logits.masked_fill(~is_allowed, UNSEEN)

    def _drawn(self, logits: Tensor, numbers: Tensor) -> Tensor:
        """Draw by the inverse of the cumulated probabilities of what the filters leave."""
        s, places = self.sampling, None
        if s.top_k is not None or s.top_p < 1:
            logits, places = self._likeliest(logits)
            probabilities = logits.softmax(-1)
            if s.top_p < 1:  # keep a token while the mass before it is below top_p
                is_kept = probabilities.cumsum(-1) - probabilities < s.top_p
                probabilities = (probabilities * is_kept) / (probabilities * is_kept).sum(-1, keepdim=True)
        else:
            probabilities = logits.softmax(-1)
        if s.min_p > 0:
            probabilities = probabilities * (probabilities >= s.min_p * probabilities.amax(-1, keepdim=True))
        sums = probabilities.double().cumsum(-1)
        index = torch.searchsorted(sums, numbers[:, None] * sums[:, -1:], right=True).clamp_max(sums.shape[1] - 1)
        index = _last_possible(probabilities, index)
        return (index if places is None else places.gather(1, index))[:, 0]

    def _likeliest(self, logits: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits in falling order and their ids: top_k of them, or enough for top_p."""
        s, size = self.sampling, logits.shape[-1]
        if s.top_k is not None:
            top = logits.topk(min(s.top_k, size), dim=-1)
            return top.values, top.indices
        top = logits.topk(min(FIRST_CANDIDATES, size), dim=-1)
        mass = (top.values.logsumexp(-1) - logits.logsumexp(-1)).exp()
        if len(top.values[0]) < size and bool((mass < s.top_p).any()):
            everything = logits.sort(dim=-1, descending=True)
            return everything.values, everything.indices
        missing = (1 - mass).clamp_min(0).log()[:, None]  # all that was not sorted stands as one last token
        missing = missing + logits.logsumexp(-1, keepdim=True)
        return torch.cat((top.values, missing), -1), torch.cat((top.indices, top.indices[:, -1:]), -1)


def _likeliest_id(logits: Tensor) -> Tensor:
    """Return the place of the largest of each row; numpy finds it nine times as fast as torch on a CPU."""
    return torch.from_numpy(logits.numpy().argmax(-1)) if logits.device.type == "cpu" else logits.argmax(-1)


def _last_possible(probabilities: Tensor, index: Tensor) -> Tensor:
    """Return the index, or the likeliest token where rounding led to one that is not possible."""
    is_possible = probabilities.gather(1, index) > 0
    return torch.where(is_possible, index, probabilities.argmax(-1, keepdim=True))
