"""The trunk of a Hugging Face checkpoint in the place of ours: the same calls, the same tokens in and out.

    family           attention       made of
    encoder          full            the modules of `transformers` (BERT and its kin; packed, model/fast_cpu/varlen.py)
    decoder          causal, prefix  llama.py where the blocks are Llama's, else the modules of `transformers` (GPT-2)
    encoder-decoder  prefix          the modules of `transformers` (T5): the encoder reads what is_prefix marks

A decoder reads a prefix, too, from left to right. The embedding table and the language model's head stand outside, as
TextEmbedder and NextToken. Dropout is the checkpoint's own, but none of attention weights: it takes half of BERT's time
and most of its memory. Read next: llama.py, pipeline/warm_start.py, which loads the weights.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from noria.contract import Attention
from noria.contract.checkpoints import WHERE
from noria.errors import UserError
from noria.model.fast_cpu.varlen import UnpaddedBert, is_bert
from noria.model.pretrained.files import import_transformers
from noria.model.pretrained.llama import LlamaBlocks, is_llama
from noria.model.vocabulary import EmbedsVocabulary, vocabulary_embedder, vocabulary_head
from noria.types import State, Tokens

ATTENTION_DROPOUTS = ("attention_probs_dropout_prob", "attention_dropout", "attn_pdrop")  # as configurations name it


def pretrained_trunk(state: State) -> PretrainedTrunk:
    """Build the trunk that a state describes, with random weights."""
    families: dict[str, type[PretrainedTrunk]] = {
        "encoder": PretrainedEncoder,
        "decoder": PretrainedDecoder,
        "encoder-decoder": PretrainedEncoderDecoder,
    }
    return families[state["family"]](state["config"])


def tie(model: Any, state: State) -> None:
    """Share the table by which texts are embedded with what else reads it: the head, what a decoder begins with."""
    embedder, head = vocabulary_embedder(model), vocabulary_head(model)
    if embedder is None or head is None:
        return
    if state["is_tied"] and (model.answer is not None or head.mask_filler() is not None):
        head.get_output_embeddings().weight = embedder.get_input_embeddings().weight
    if isinstance(model.trunk, PretrainedEncoderDecoder):
        model.trunk.answer = (embedder,)


def filler_of(checkpoint: Any) -> tuple[nn.Module, nn.Module]:
    """Return the dense layer and the norm of the head by which BERT or RoBERTa fills in masks."""
    if hasattr(checkpoint, "lm_head"):
        return checkpoint.lm_head.dense, checkpoint.lm_head.layer_norm
    transform = checkpoint.cls.predictions.transform
    return transform.dense, transform.LayerNorm


class PretrainedTrunk(nn.Module, ABC):
    """What the three families share. `model` has the names of the checkpoint's weights."""

    is_pretrained = True  # for the optimiser
    attentions: ClassVar[tuple[Attention, ...]]
    model: Any

    def __init__(self, config: Mapping[str, Any]) -> None:
        super().__init__()
        self.config = dict(config)
        self.model = _built(self.config)
        self.width = _config(config).hidden_size
        self.longest = _longest(self.model)

    def forward(
        self, tokens: Tokens, attention: Attention, is_prefix: Tensor | None = None, cache: Any = None
    ) -> Tokens:
        """Return the tokens with mixed features; padding may stand anywhere. Raise UserError for what it cannot do."""
        if attention not in self.attentions:
            raise UserError(
                f"a checkpoint of the kind {self.config['model_type']!r} cannot serve this task",
                where=WHERE,
                expected=f"one that can do attention {attention!r}",
                found=f"one that can do {' and '.join(self.attentions)}",
            )
        if tokens.pair_bias is not None:
            raise UserError("a checkpoint cannot take a bias between tokens", where=WHERE)
        if tokens.is_real is not None:
            tokens = tokens._replace(features=tokens.features.masked_fill(~tokens.is_real[:, :, None], 0.0))
        return tokens._replace(features=self._mixed(tokens, is_prefix, cache))

    def new_cache(self, batch_size: int, capacity: int) -> Any:
        """Return an empty memory for rows of up to `capacity` tokens."""
        if isinstance(self.model, LlamaBlocks):
            return self.model.new_cache(batch_size, capacity)
        return PretrainedMemory(self.config, batch_size, next(self.parameters()).device)

    @abstractmethod
    def _mixed(self, tokens: Tokens, is_prefix: Tensor | None, cache: Any) -> Tensor:
        """Return the mixed features float[B, T, D]."""

    def _check_length(self, length: int) -> None:
        if self.longest is not None and length > self.longest:
            raise UserError(
                "the checkpoint cannot read so many tokens at once",
                where=WHERE,
                expected=f"at most {self.longest}",
                found=str(length),
                fix="lower max_tokens of the inputs and of the target",
            )


class PretrainedEncoder(PretrainedTrunk):
    """Every token sees all others. Real tokens are packed to the left first: they are counted from there."""

    attentions = ("full",)

    def join(self) -> None:
        """Take the shape that answers fastest; what comes of it cannot be trained."""
        if is_bert(self.config):
            self.model = UnpaddedBert(self.model)

    def _mixed(self, tokens: Tokens, is_prefix: Tensor | None, cache: Any) -> Tensor:
        features, is_real = tokens.features, tokens.is_real
        self._check_length(features.shape[1])
        if isinstance(self.model, UnpaddedBert):
            return self.model(features, is_real)  # type: ignore[no-any-return]
        if is_real is None:
            return self._run(features, None)
        if not torch.compiler.is_compiling() and not bool((is_real[:, 1:] & ~is_real[:, :-1]).any()):
            return self._run(features, is_real)
        order = (~is_real).int().argsort(dim=1, stable=True)
        places = order[:, :, None].expand_as(features)
        mixed = self._run(features.gather(1, places), is_real.gather(1, order))
        return torch.zeros_like(mixed).scatter(1, places, mixed)

    def _run(self, features: Tensor, is_real: Tensor | None) -> Tensor:
        if is_real is not None:
            is_real = is_real.clone()
            is_real[:, 0] = True  # a row without any token must see something
        mixed: Tensor = self.model(inputs_embeds=features, attention_mask=_mask(is_real)).last_hidden_state
        return mixed


class PretrainedDecoder(PretrainedTrunk):
    """Every token sees those before it."""

    attentions = ("causal", "prefix")

    def join(self) -> None:
        """Take the shape that answers fastest; what comes of it cannot be trained."""
        if isinstance(self.model, LlamaBlocks):
            self.model.join()

    def _mixed(self, tokens: Tokens, is_prefix: Tensor | None, cache: Any) -> Tensor:
        if isinstance(self.model, LlamaBlocks):
            return self.model(tokens, cache)  # type: ignore[no-any-return]
        features, is_real = tokens.features, _all_real(tokens)
        if cache is not None:
            is_real = cache.is_real = torch.cat((cache.is_real, is_real), 1)
        counted = is_real.cumsum(1)
        self._check_length(int(counted[:, -1].max()))
        positions = (counted - 1).clamp_min(0)[:, -features.shape[1] :]
        mixed: Tensor = self.model(
            inputs_embeds=features,
            attention_mask=_mask(is_real),
            position_ids=positions,
            **({"use_cache": False} if cache is None else {"cache": cache.cache, "use_cache": True}),
        ).last_hidden_state
        return mixed


class PretrainedEncoderDecoder(PretrainedTrunk):
    """The encoder reads the prefix; the decoder sees all of it, and begins with a token that stands in no answer.

    stream     . A B C x y       features  0 0 0 c x y, where c, x, y are the decoder's for begin, x, y
    is_prefix  1 1 1 1 0 0
    """

    attentions = ("prefix",)

    def __init__(self, config: Mapping[str, Any]) -> None:
        super().__init__(config)
        self.answer: tuple[
            EmbedsVocabulary, ...
        ] = ()  # put here by `tie`; in a tuple it is not counted as a part of this
        # The head of the first T5 shares the embedding table, which is too large for it by this factor.
        self.scale = self.width**-0.5 if config.get("scale_decoder_outputs") else 1.0

    def _mixed(self, tokens: Tokens, is_prefix: Tensor | None, cache: Any) -> Tensor:
        features = tokens.features
        if is_prefix is None:
            assert cache is not None
            return self._decoded(features, cache.encoded, cache.is_real, cache)
        length = int(is_prefix[0].sum())
        is_real = _all_real(tokens)[:, :length]
        encoded = self.model.encoder(inputs_embeds=features[:, :length], attention_mask=_mask(is_real))[0]
        if cache is not None:
            cache.encoded, cache.is_real = encoded, is_real
        start = self.answer[0].get_input_embeddings().weight[self.config["decoder_start_token_id"]].to(features.dtype)
        start = start.expand(len(features), 1, -1)
        decoded = self._decoded(torch.cat((start, features[:, length:]), 1), encoded, is_real, cache)
        return torch.cat((decoded.new_zeros(len(decoded), length - 1, self.width), decoded), 1)

    def _decoded(self, features: Tensor, encoded: Tensor, is_real: Tensor, cache: Any) -> Tensor:
        decoded: Tensor = self.model.decoder(
            inputs_embeds=features,
            encoder_hidden_states=encoded,
            encoder_attention_mask=_mask(is_real),
            **({"use_cache": False} if cache is None else {"cache": cache.cache, "use_cache": True}),
        )[0]
        return decoded * self.scale


class PretrainedMemory:
    """What the modules of `transformers` remember of each row; is_real bool[B, T] of the tokens that were read."""

    def __init__(self, config: Mapping[str, Any], batch_size: int, device: torch.device) -> None:
        from transformers.cache_utils import DynamicCache, EncoderDecoderCache

        own = _config(config)
        self.cache: Any = DynamicCache(config=own)
        if own.is_encoder_decoder:
            self.cache = EncoderDecoderCache(self.cache, DynamicCache(config=own))
        self.is_real = torch.zeros(batch_size, 0, dtype=torch.bool, device=device)
        self.encoded: Tensor | None = None

    def select(self, rows: Tensor) -> None:
        """Keep the rows int[K] in this order; some may come more than once."""
        self.cache.reorder_cache(rows)
        self.is_real = self.is_real[rows]
        self.encoded = None if self.encoded is None else self.encoded[rows]
        if self._keeps_columns and len(rows):  # columns of padding alone, as of longer rows that have left
            first = int(self.is_real.any(0).int().argmax())
            self.is_real = self.is_real[:, first:]
            for layer in self.cache.layers:
                layer.keys, layer.values = layer.keys[:, :, first:], layer.values[:, :, first:]

    def join(self, other: PretrainedMemory) -> bool:
        """Take in the rows of another memory of the same trunk, after one's own; say whether that was possible.

        It is not where a token's place is counted by its column (encoder-decoders), or old columns are dropped.
        """
        if not self._keeps_columns:
            return False
        width = max(self.is_real.shape[1], other.is_real.shape[1])
        joined = [
            [
                torch.cat([F.pad(one, (0, 0, width - one.shape[2], 0)) for one in pair])
                for pair in ((own.keys, new.keys), (own.values, new.values))
            ]
            for own, new in zip(self.cache.layers, other.cache.layers, strict=True)
        ]
        for layer, (keys, values) in zip(self.cache.layers, joined, strict=True):
            layer.keys, layer.values = keys, values
        self.is_real = torch.cat([F.pad(one.is_real, (width - one.is_real.shape[1], 0)) for one in (self, other)])
        return True

    @property
    def _keeps_columns(self) -> bool:
        """Say whether each layer has the keys of every column of `is_real`."""
        from transformers.cache_utils import DynamicLayer

        layers = self.cache.layers if self.encoded is None else []
        return bool(layers) and all(type(layer) is DynamicLayer and layer.is_initialized for layer in layers)


def _config(config: Mapping[str, Any]) -> Any:
    return import_transformers().AutoConfig.for_model(**config)


def _built(config: Mapping[str, Any]) -> Any:
    if is_llama(config):
        return LlamaBlocks(config)
    own = _config(config)
    for name in ATTENTION_DROPOUTS:
        if hasattr(own, name):
            setattr(own, name, 0.0)
    model = import_transformers().AutoModel.from_config(own)
    if type(model.get_input_embeddings()) is not nn.Embedding:
        raise UserError(f"the embedding of {config['model_type']!r} is not a plain table", where=WHERE)
    model.set_input_embeddings(nn.Identity())
    if getattr(model, "pooler", None) is not None:  # it serves none of our heads
        model.pooler = None
    return model


def most_positions(state: State) -> int | None:
    """Return how many tokens the trunk of a state can read at once, None for any number; nothing is computed."""
    with torch.device("meta"):
        return _longest(_built(state["config"])) if state["family"] != "encoder-decoder" else None


def _longest(model: nn.Module) -> int | None:
    """Return how many positions the model has learnt, None where it counts without a table."""
    names = ("position_embeddings", "wpe", "embed_positions")
    tables = [one for name, one in model.named_modules() if name.rsplit(".", 1)[-1] in names]
    counts = [
        one.num_embeddings - (0 if one.padding_idx is None else one.padding_idx + 1)  # RoBERTa's begin after padding
        for one in tables
        if isinstance(one, nn.Embedding)
    ]
    return min(counts, default=None)


def _all_real(tokens: Tokens) -> Tensor:
    shape = tokens.features.shape[:2]
    return tokens.features.new_ones(shape, dtype=torch.bool) if tokens.is_real is None else tokens.is_real


def _mask(is_real: Tensor | None) -> Tensor | None:
    """Return the mask as `transformers` wants it; None where all is real, which is faster."""
    if is_real is None or (not torch.compiler.is_compiling() and bool(is_real.all())):
        return None  # a compiler must not look into the data
    return is_real.long()
