"""A text, given token by token: cross-entropy on the next token, perplexity, and the written answer.

Learnt from records (a prompt and its answer) or from running text cut into windows. Read next:
model/generation/generate.py, which writes the answer; text/tokenizer.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from noria.contract import Metric, Target
from noria.contract.capabilities import (
    CompletesState,
    DecodesTarget,
    Generates,
    GivesText,
    PostProcesses,
    PredictStep,
    ShowsPanels,
    Truncates,
    WarmStarts,
    Writer,
)
from noria.contract.settings import tried
from noria.metrics.likelihood import likelihood
from noria.metrics.overlap import bleu_tokeniser, overlap_metrics
from noria.modalities.text.arrays import RAW
from noria.text.learning import learn_text, text_of, usable_texts
from noria.text.scripts import Language, language_of
from noria.text.tokenizer import Tokenizer
from noria.types import (
    PAD,
    Arrays,
    Batch,
    Chunk,
    Dataset,
    Encoded,
    Output,
    Panel,
    Prediction,
    Ragged,
    State,
    Values,
    Windows,
)

if TYPE_CHECKING:
    from torch import Tensor, nn

    from noria.model.generation.sampling import Sampling

NETWORK_ONLY = {"network_only": True}  # settings that preparation does not depend on
SAMPLES_SHOWN = 8


@dataclass(frozen=True)
class Text(
    Target,
    WarmStarts,
    CompletesState,
    Truncates,
    PredictStep,
    PostProcesses,
    Generates,
    GivesText,
    DecodesTarget,
    ShowsPanels,
):
    """A text. Arrays: `ids` Ragged int, ended by the end token; `_bytes` Ragged uint8, what each token stands for;
    of records also `_text`, the raw text as UTF-8 bytes.

    Where the task shares a vocabulary with an input, tokenizer, vocabulary and lowercase are those of the input. From
    max_tokens on the settings say how an answer is written: model/generation/sampling.py.
    """

    kind: ClassVar[str] = "text"

    tokenizer: str = "bpe"
    """`bpe`, `unigram`, `character`, `byte`, or a folder with a tokenizer.json. Characters suit names."""
    vocabulary: int = 8192
    """Number of tokens that `bpe` or `unigram` learn. Raise it for much text, lower it for little."""
    lowercase: bool = False
    """Read all text in lower case. For little data in which capitals say nothing."""
    longest: int = 512
    """Longest true answer in tokens; the rest is not learnt. Memory and time grow with it."""
    is_running: bool = False
    """Learn from running text, in windows of `window` tokens, rather than record by record."""
    is_stream: bool = False
    """Records continue one another, as pieces of one file do: no boundary token between them."""
    window: int = field(default=256, metadata=NETWORK_ONLY)
    """Tokens that are learnt from at once in running text. Raise it where far context matters."""
    overlap: Literal["none", "bleu", "rouge", "errors"] = field(default="none", metadata=NETWORK_ONLY)
    """How answers are scored: `bleu` (translations), `rouge` (summaries), `errors` (speech). `none` writes none."""
    language: Language | None = field(default=None, metadata=NETWORK_ONLY)
    """By which words BLEU and ROUGE compare; `en`: those between spaces. Null tells it from the training answers."""
    smoothing: float = field(default=0.0, metadata=NETWORK_ONLY | tried(0.0, 0.1))
    """Label smoothing: probability the loss spreads over all tokens, 0 to 1. About 0.1 for translations."""
    max_tokens: int = field(default=128, metadata=NETWORK_ONLY)
    """Longest answer that is written, in tokens."""
    temperature: float = field(default=0.0, metadata=NETWORK_ONLY)
    """Spread of sampling: 0 takes the most likely token, 1 follows the model. Raise it for variety."""
    top_k: int | None = field(default=None, metadata=NETWORK_ONLY)
    """Sample among the k most likely tokens only. Null keeps all; lower it against odd words."""
    top_p: float = field(default=1.0, metadata=NETWORK_ONLY)
    """Sample among the most likely tokens that together reach this probability; 1 keeps all."""
    min_p: float = field(default=0.0, metadata=NETWORK_ONLY)
    """Drop tokens less likely than min_p times the most likely one; 0 keeps all."""
    repetition_penalty: float = field(default=1.0, metadata=NETWORK_ONLY)
    """Divides the positive logits of tokens already written. Above 1 against repetition."""
    stop: tuple[str, ...] = field(default=(), metadata=NETWORK_ONLY)
    """Texts that end an answer and are cut off, at most 64."""
    beams: int = field(default=1, metadata=NETWORK_ONLY)
    """Beams of beam search; 1 is off. 4 often improves translations, at about that many times the cost."""
    length_penalty: float = field(default=1.0, metadata=NETWORK_ONLY)
    """Beams are ranked by log probability / length ** length_penalty. Raise it for longer answers."""
    seed: int = field(default=0, metadata=NETWORK_ONLY)
    """Seed of sampling. The same seed gives the same answer, alone and in any batch."""

    def fit(self, values: Values) -> State:
        return learn_text(values, self.tokenizer, self.vocabulary, self.lowercase)

    def warm_start(self, state: State) -> State | None:
        return state

    def complete_state(self, state: State, values: Values) -> State:
        """Add by which words answers are compared, and sacreBLEU's name of it."""
        language = language_of(text for value in values if (text := text_of(value)) is not None)
        return {**state, "language": language, "bleu": bleu_tokeniser(language)}

    def encode(self, values: Values, state: State) -> Encoded:
        """Encode texts; in running text each record is begin ... end, or nothing but itself in a stream."""
        tokenizer = Tokenizer.from_json(state["tokenizer"])
        texts, bad = usable_texts(values)
        ids = tokenizer.encode(texts)
        sizes = tokenizer.num_bytes(ids)
        cut = {} if self.is_running else ids.beyond(self.longest - 1)
        if not self.is_running:
            ids, sizes = ids.cut(self.longest - 1), sizes.cut(self.longest - 1)
        if not (self.is_running and self.is_stream):
            end = state.get("answer_end", tokenizer.end)
            ids, sizes = ids.with_ends(None, end), sizes.with_ends(None, 0)
            if self.is_running:
                ids, sizes = ids.with_ends(tokenizer.begin, None), sizes.with_ends(0, None)
        raw = {} if self.is_running else {"_text": Ragged.of_texts(texts)}
        return Encoded({"ids": ids, "_bytes": sizes, **raw}, bad, cut)

    def most_read(self) -> tuple[str, int]:
        return "longest", self.longest

    def answer_embedder(self, state: State, width: int) -> nn.Module:
        from noria.model.token_embedder import text_embedder

        return text_embedder(state, width)

    def head(self, state: State, width: int) -> nn.Module:
        from noria.model.heads import NextToken

        return NextToken(width, state["vocabulary"])

    def loss(self, output: Output, batch: Batch) -> dict[str, Tensor]:
        from torch.nn import functional

        ids = batch.target["ids"]
        nats = functional.cross_entropy(
            output["logits"].flatten(0, 1).float(),
            ids.flatten(),
            ignore_index=PAD,
            label_smoothing=self.smoothing,
            reduction="none",
        ).view_as(ids)
        count = (ids != PAD).sum(1)
        return {"loss": nats.sum() / count.sum(), "each": nats.sum(1) / count.clamp_min(1)}

    def predict_step(self, model: nn.Module, batch: Batch, state: State, is_quick: bool = False) -> Output:
        """Score the true answer where it is known (`nats`, `tokens`, `right`, [B]); write one where it is wanted.

        Written are answers to what has none, and in evaluation those that `overlap` compares: `written` int[B, T], its
        bytes of UTF-8 with PAD after the end, and `log_chance` float[B], the mean logarithm of the tokens'
        probabilities.
        """
        output = _scored(model, batch) if batch.target else {}
        if not batch.target or (self.overlap != "none" and not is_quick):
            output |= self._written(model, batch, state)
        return output

    def sampling(self, **changes: Any) -> Sampling:
        """Return how an answer is written: as the settings say, or as `changes` do; UserError names what is wrong."""
        from noria.model.generation.sampling import Sampling

        known = {one.name: getattr(self, one.name) for one in fields(Sampling) if hasattr(self, one.name)}
        return Sampling(**{**known, **changes})

    def _written(self, model: nn.Module, batch: Batch, state: State) -> Output:
        import torch

        from noria.model.generation.generate import generate

        speaker: Any = model
        tokenizer = _tokenizer(state)
        given = generate(speaker, batch.inputs, self.sampling(), tokenizer)
        device = next(model.parameters()).device
        chances = [sum(one) / max(1, len(one)) for one in given.logprobs]
        written = Ragged.of_texts(given.texts).padded()  # and not the ids: a stop text may begin within a token
        return {
            "written": torch.from_numpy(written).to(device),
            "log_chance": torch.tensor(chances, device=device),
        }

    def stream(self, model: nn.Module, batch: Batch, state: State, settings: Mapping[str, Any]) -> Iterator[Chunk]:
        from noria.model.generation.generate import stream

        speaker: Any = model
        return stream(speaker, batch.inputs, self.sampling().overridden(settings), _tokenizer(state))

    def writer(self, model: nn.Module, state: State) -> Writer | None:
        """Return what writes answers side by side; None for beams, which are no row each."""
        from noria.model.generation.continuous import ContinuousBatch

        speaker: Any = model
        if self.beams > 1:
            return None
        return ContinuousBatch(speaker, _tokenizer(state), self.sampling(), state["vocabulary"])

    def stream_schema(self, most_tokens: int) -> dict[str, Any]:
        from noria.model.generation.sampling import settings_schema

        return settings_schema(most_tokens)

    def postprocess(self, output: Arrays, inputs: Mapping[str, Arrays], state: State) -> Arrays:
        """Turn `written` into `_text`, the answers as UTF-8 bytes."""
        if "written" not in output:
            return output
        rows = [row[row != PAD] for row in output["written"]]
        kept = {name: value for name, value in output.items() if name != "written"}
        return {**kept, "_text": Ragged.of(rows, np.uint8)}

    def decode(self, output: Arrays, state: State) -> list[Prediction]:
        if "_text" not in output:  # only scored
            return [Prediction(None)] * len(next(iter(output.values())))
        chances = np.exp(output.get("log_chance", np.full(len(output["_text"]), np.nan)))
        return [
            Prediction(text, round(float(chance), 6) if np.isfinite(chance) else None)
            for text, chance in zip(output["_text"].texts(), chances, strict=True)
        ]

    def decode_target(self, truth: Arrays, state: State) -> list[Any]:
        if "_text" in truth:
            texts: list[Any] = truth["_text"].texts()
            return texts
        tokenizer, ids = Tokenizer.from_json(state["tokenizer"]), truth["ids"]
        return [
            tokenizer.decode(ids[i][:-1]) if isinstance(ids, Ragged) else tokenizer.decode(ids[i])
            for i in range(len(ids))
        ]

    def windows(self, dataset: Dataset, prompt: str, is_learnt: bool) -> Dataset:
        """Return running text as windows: the first token of each is the input `prompt`, the others are the answer.

        To be scored, windows overlap: the prompt is half a window, so that no token is told from fewer than those.
        """
        if not self.is_running or "ids" not in dataset.target:
            return dataset
        ids = dataset.target["ids"]
        step = max(1, min(self.window if is_learnt else -(-self.window // 2), len(ids.values) - 1))
        count = max(0, len(ids.values) - 1) // step
        known = 1 if is_learnt else self.window - step + 1
        first = Windows(ids.values, step, 1 - known, known, count)
        answer = {name: Windows(one.values, step, 1, step, count) for name, one in dataset.target.items()}
        groups = dataset.groups_at(ids.offsets, np.arange(count) * step + 1)
        inputs = {prompt: {"ids": first}}
        return replace(dataset, inputs=inputs, target=answer, slices={}, where_path=None, groups=groups)

    def metrics(self, state: State) -> Sequence[Metric]:
        known = likelihood(nats="nats", tokens="tokens", right="right", num_bytes="_bytes")
        language = self.language or state.get("language", "en")
        tokeniser = None if self.language else state.get("bleu")
        return (*known, *overlap_metrics(self.overlap, language, tokeniser, text="_text"))

    def panels(self, output: Arrays, truth: Arrays, state: State) -> list[Panel]:
        if "_text" not in output:
            return []
        count = len(output["_text"])
        chosen = np.linspace(0, count - 1, min(count, SAMPLES_SHOWN)).astype(int)
        true = self.decode_target({name: values[chosen] for name, values in truth.items()}, state)
        rows = [list(pair) for pair in zip(true, output["_text"][chosen].texts(), strict=True)]
        return [Panel("table", "Written answers", {"columns": ["truth", "answer"], "rows": rows}, "Evenly drawn.")]


def _tokenizer(state: State) -> Tokenizer:
    """Return the tokenizer that answers are written by: a chat's reply ends where its template closes a message."""
    return Tokenizer.from_json(state["tokenizer"], state.get("answer_end"))


def _scored(model: nn.Module, batch: Batch) -> Output:
    """Return float[B] each: `nats`, the loss summed over the true answer, its `tokens`, and how many came first."""
    from torch.nn import functional

    ids = batch.target["ids"]
    logits = model(batch.inputs, batch.target)["logits"].float()
    is_real = ids != PAD
    nats = functional.cross_entropy(logits.flatten(0, 1), ids.flatten(), ignore_index=PAD, reduction="none")
    right = (logits.argmax(-1) == ids) & is_real
    return {"nats": nats.view_as(ids).sum(1), "tokens": is_real.sum(1).float(), "right": right.sum(1).float()}


def unigram(train: Arrays) -> Arrays:
    """Return what the trivial answer knows: how often each token stands in training answers, `chances` [1, V + 1].

    The last stands for tokens that training has not shown. Every count is one higher than it is.
    """
    ids = train["ids"]
    values = np.asarray(ids.values if isinstance(ids, Ragged) else ids.stream)
    counts = np.bincount(values) + 1.0
    counts = np.append(counts, 1.0)
    return {"chances": np.log(counts / counts.sum()).astype(np.float32)[None]}


def unigram_scores(truth: Arrays, learnt: Arrays) -> Arrays:
    """Return the scores of answers under `unigram`, as `ask` gives those of the model."""
    chances, ids = learnt["chances"][0].astype(np.float64), truth["ids"]
    rows = [
        np.minimum(np.asarray(ids[i : i + 1][0] if not isinstance(ids, Ragged) else ids[i]), len(chances) - 1)
        for i in range(len(ids))
    ]
    common = int(chances[:-1].argmax())
    return {
        "nats": np.array([-chances[row].sum() for row in rows]),
        "tokens": np.array([float(len(row)) for row in rows]),
        "right": np.array([float((row == common).sum()) for row in rows]),
    }


def copied(source: Arrays, truth: Arrays, learnt: Arrays) -> Arrays:
    """Return the trivial answer that copies an encoded input, with the scores of `unigram`."""
    return {**unigram_scores(truth, learnt), "_text": source[RAW][:]}


def no_answers(count: int) -> Ragged:
    """Return so many empty answers."""
    return Ragged.of_texts([""] * count)
