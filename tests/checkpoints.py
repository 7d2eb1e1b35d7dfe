"""Tiny checkpoints with random weights, as `transformers` writes them, with a tokenizer of their own."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "<|im_start|>", "<|im_end|>"]
VOCABULARY = 300  # rows of the embedding, some more than the tokenizer knows
SHAPE = {"vocab_size": VOCABULARY, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4}
SHAPE |= {"intermediate_size": 48}


def _bert(transformers: Any) -> Any:
    return transformers.BertModel(transformers.BertConfig(**SHAPE, max_position_embeddings=64))


def _roberta(transformers: Any) -> Any:
    return transformers.RobertaModel(transformers.RobertaConfig(**SHAPE, max_position_embeddings=66, pad_token_id=1))


def _filling_bert(transformers: Any) -> Any:
    return transformers.BertForMaskedLM(transformers.BertConfig(**SHAPE, max_position_embeddings=64))


def _filling_roberta(transformers: Any) -> Any:
    config = transformers.RobertaConfig(
        **SHAPE, max_position_embeddings=66, pad_token_id=1, tie_word_embeddings=False, layer_norm_eps=1e-5
    )
    return transformers.RobertaForMaskedLM(config)


def _llama(transformers: Any, **more: Any) -> Any:
    ends = {"bos_token_id": 2, "eos_token_id": 3, "pad_token_id": 0}
    return transformers.LlamaForCausalLM(transformers.LlamaConfig(**SHAPE, num_key_value_heads=2, **ends, **more))


def _scaled_llama(transformers: Any) -> Any:
    rope = {"rope_type": "linear", "factor": 2.0, "rope_theta": 10_000.0}
    return _llama(transformers, rope_parameters=rope)


def _tied_llama(transformers: Any) -> Any:
    return _llama(transformers, tie_word_embeddings=True)


def _qwen(transformers: Any) -> Any:
    config = transformers.Qwen2Config(**SHAPE, num_key_value_heads=2, bos_token_id=2, eos_token_id=3, pad_token_id=0)
    return transformers.Qwen2ForCausalLM(config)


def _gpt2(transformers: Any) -> Any:
    config = transformers.GPT2Config(
        vocab_size=VOCABULARY, n_embd=32, n_layer=2, n_head=4, n_positions=64, bos_token_id=2, eos_token_id=3
    )
    return transformers.GPT2LMHeadModel(config)


def _t5(transformers: Any, **more: Any) -> Any:
    config = transformers.T5Config(
        vocab_size=VOCABULARY, d_model=32, d_kv=8, d_ff=48, num_layers=2, num_heads=4, pad_token_id=0,
        eos_token_id=3, decoder_start_token_id=0, **more,
    )  # fmt: skip
    return transformers.T5ForConditionalGeneration(config)


def _gated_t5(transformers: Any) -> Any:
    return _t5(transformers, feed_forward_proj="gated-gelu", tie_word_embeddings=False, scale_decoder_outputs=False)


def _resnet(transformers: Any, **more: Any) -> Any:
    sizes = {"embedding_size": 8, "hidden_sizes": [8, 16, 24, 32], "depths": [1, 1, 1, 1]}
    return transformers.ResNetForImageClassification(transformers.ResNetConfig(**sizes, **more))


def _grey_resnet(transformers: Any) -> Any:
    return _resnet(transformers, num_channels=1)


def _convnext(transformers: Any) -> Any:
    return transformers.ConvNextModel(transformers.ConvNextConfig(hidden_sizes=[8, 16, 24, 32], depths=[1, 1, 1, 1]))


def _swin(transformers: Any) -> Any:
    config = transformers.SwinConfig(embed_dim=8, depths=[1, 1, 1, 1], num_heads=[1, 1, 2, 2])
    return transformers.SwinForImageClassification(config)


def _dinov2(transformers: Any) -> Any:
    shape = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
    return transformers.Dinov2Model(transformers.Dinov2Config(**shape, image_size=56, patch_size=14))


def _vit(transformers: Any) -> Any:
    shape = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    return transformers.ViTForImageClassification(transformers.ViTConfig(**shape, image_size=32))


def _clip(transformers: Any) -> Any:
    shape = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    return transformers.CLIPVisionModel(transformers.CLIPVisionConfig(**shape, image_size=32, patch_size=16))


MAKERS: dict[str, Callable[[Any], Any]] = {
    "bert": _bert,
    "roberta": _roberta,
    "filling_bert": _filling_bert,
    "filling_roberta": _filling_roberta,
    "llama": _llama,
    "scaled_llama": _scaled_llama,
    "tied_llama": _tied_llama,
    "qwen": _qwen,
    "gpt2": _gpt2,
    "t5": _t5,
    "gated_t5": _gated_t5,
    "resnet": _resnet,
    "grey_resnet": _grey_resnet,
    "convnext": _convnext,
    "swin": _swin,
    "dinov2": _dinov2,
    "vit": _vit,
    "clip": _clip,
}
PICTURES = ("resnet", "convnext", "swin", "dinov2", "vit")
ENCODERS = ("bert", "roberta")
DECODERS = ("llama", "scaled_llama", "tied_llama", "qwen", "gpt2")
ENCODER_DECODERS = ("t5", "gated_t5")


def save_checkpoint(name: str, folder: Path) -> Path:
    """Write a checkpoint whose every weight matters, the same at every call; return its folder."""
    import transformers

    with torch.random.fork_rng(), quiet(transformers):
        torch.manual_seed(3)
        model = MAKERS[name](transformers).eval()
        with torch.no_grad():
            for weight in model.parameters():
                weight.add_(torch.randn_like(weight) * (0.2 if weight.ndim == 1 else weight.shape[-1] ** -0.5))
        model.save_pretrained(folder)
    (folder / "tokenizer.json").write_text(tokenizer_json(), "utf-8")
    ends = {"cls_token": "[CLS]", "sep_token": "[SEP]", "pad_token": "[PAD]", "unk_token": "[UNK]"}
    (folder / "tokenizer_config.json").write_text(json.dumps({**ends, "mask_token": "[MASK]"}), "utf-8")
    return folder


def tokenizer_json() -> str:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    backend = Tokenizer(models.BPE({one: i for i, one in enumerate([*WORDS, *alphabet])}, []))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    backend.add_special_tokens(WORDS)
    text: str = backend.to_str()
    return text


@contextmanager
def quiet(transformers: Any) -> Iterator[None]:
    """Keep `transformers` from drawing progress bars."""
    transformers.utils.logging.disable_progress_bar()
    try:
        yield
    finally:
        transformers.utils.logging.enable_progress_bar()
