"""Back to Hugging Face: a folder that `transformers` loads, of a model that began as one of its checkpoints.

    config.json model.safetensors          the checkpoint's own kind: AutoModel, AutoModelForCausalLM, ...MaskedLM
    tokenizer.json tokenizer_config.json   for AutoTokenizer
    chat_template.jinja                    of a chat: apply_chat_template then gives the ids that the model was taught
    noria_head.safetensors                 where it has no such head: ours, for whoever builds it around AutoModel

Knows no task. Read next: trunk.py; stages/export.py, which writes any model as ONNX.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from noria.errors import UserError
from noria.model.pretrained.files import auto_class, import_transformers, silent
from noria.model.pretrained.trunk import filler_of
from noria.model.vocabulary import EmbedsVocabulary, vocabulary_embedder, vocabulary_head
from noria.store.disk import AGAIN_ADVICE, plain_disk_errors
from noria.types import State


def write_folder(model: Any, states: Mapping[str, Any], out: Path) -> None:
    """Write a model that began as a checkpoint of `transformers` back as one."""
    embedder = _embedder(model)
    theirs = _filled(model, embedder, states["trunk"])
    tokenizer, template, answer_end = _tokenizer_of(states)
    if answer_end is not None:  # a reply ends where a message does
        theirs.generation_config.eos_token_id = answer_end
    with plain_disk_errors(out, AGAIN_ADVICE):
        out.mkdir(parents=True, exist_ok=True)
        with silent():
            theirs.save_pretrained(out)
        write_tokenizer(out, tokenizer, template, theirs.config.pad_token_id)
        if vocabulary_head(model) is None or theirs.get_output_embeddings() is None:
            _write_head(out, model.head)


def _embedder(model: Any) -> EmbedsVocabulary:
    found = vocabulary_embedder(model)
    if found is None:
        raise UserError("this model has no text for a checkpoint's embedding to read")
    return found


@torch.no_grad()
def _filled(model: Any, embedder: EmbedsVocabulary, state: State) -> Any:
    """Return the checkpoint's own class with the model's weights."""
    transformers = import_transformers()
    config = transformers.AutoConfig.for_model(**state["config"])
    head = vocabulary_head(model)
    filler = None if head is None else head.mask_filler()
    theirs = auto_class(transformers, state["family"], filler is not None).from_config(config)
    theirs.base_model.load_state_dict(model.trunk.model.state_dict(), strict=False)
    theirs.get_input_embeddings().weight.copy_(embedder.get_input_embeddings().weight)
    output = theirs.get_output_embeddings()
    if head is not None and output is not None and not state["is_tied"]:
        output.weight.copy_(head.get_output_embeddings().weight)
    if head is not None and filler is not None:
        output.bias.copy_(head.get_output_embeddings().bias)
        for own, part in zip(filler, filler_of(theirs), strict=True):
            part.load_state_dict(own.state_dict())
    return theirs.eval()


def _tokenizer_of(states: Mapping[str, Any]) -> tuple[dict[str, Any], Mapping[str, Any], int | None]:
    """Return the parts of the tokenizer that the inputs, and with them the answer, were encoded by.

    Beside them the template of a chat, {"open", "close"}, the ids around each message, or {"jinja", "tokens"}, the
    checkpoint's own; {} where there is none. And the token that ends an answer of a chat.
    """
    known = [*states["inputs"].values(), states["target"]]
    state = next(state for state in known if "tokenizer" in state)
    return json.loads(state["tokenizer"]), state.get("template", {}), state.get("answer_end")


def write_tokenizer(out: Path, parts: Mapping[str, Any], template: Mapping[str, Any], pad: int | None) -> None:
    """Write a tokenizer for AutoTokenizer, with the template of a chat where there is one."""
    from tokenizers import Tokenizer

    backend = Tokenizer.from_str(parts["backend"])
    roles = {
        "bos_token": parts["begin"],
        "cls_token": parts["begin"],
        "eos_token": template.get("close", parts["end"]),
        "sep_token": parts["end"],
        "mask_token": parts["mask"],
        "unk_token": parts["unknown"],
        "pad_token": parts["end"] if pad is None else pad,
    }
    named = {role: backend.id_to_token(index) for role, index in roles.items() if index is not None}
    settings = {"tokenizer_class": "PreTrainedTokenizerFast", **{role: one for role, one in named.items() if one}}
    settings |= template.get("tokens", {})  # which the checkpoint's own template names
    (out / "tokenizer.json").write_text(parts["backend"], "utf-8")
    (out / "tokenizer_config.json").write_text(json.dumps(settings, ensure_ascii=False, indent=1), "utf-8")
    if "jinja" in template:
        (out / "chat_template.jinja").write_text(template["jinja"], "utf-8")
    elif template:
        marks = {name: json.dumps(backend.id_to_token(index)) for name, index in template.items()}
        (out / "chat_template.jinja").write_text(_jinja(marks["open"], marks["close"]), "utf-8")


def _jinja(opening: str, closing: str) -> str:
    """Return what modalities/messages.py does as a template for `transformers`, from the two marks as literals."""
    return (
        f"{{% for message in messages %}}{{{{ {opening} + message['role'] + '\\n' + message['content'] }}}}"
        f"{{{{ {closing} + '\\n' }}}}{{% endfor %}}"
        f"{{% if add_generation_prompt %}}{{{{ {opening} + 'assistant\\n' }}}}{{% endif %}}"
    )


def _write_head(out: Path, head: nn.Module) -> None:
    from safetensors.torch import save_file

    weights = {name: value.detach().cpu().contiguous() for name, value in head.state_dict().items()}
    save_file(weights, out / "noria_head.safetensors")
