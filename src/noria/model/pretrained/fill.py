"""A checkpoint's part in a new model: what it had learnt, its weights, and a check that both compute the same.

Read next: files.py, trunk.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from noria.contract.capabilities import declared
from noria.contract.checkpoints import WHERE
from noria.errors import UserError
from noria.model.fast_cpu.varlen import is_bert
from noria.model.network import parts_of
from noria.model.pretrained.files import PretrainedFiles
from noria.model.pretrained.trunk import filler_of
from noria.model.vocabulary import EmbedsVocabulary, PredictsVocabulary
from noria.types import State, Tokens

TOLERANCE = 1e-3  # on logits, relative to the largest: sums in another order


def states_of(files: PretrainedFiles) -> tuple[State, State]:
    """Return the state of whatever reads texts, and that of the trunk."""
    trunk, (tokenizer, template) = files.trunk(), files.tokenizer_and_template()
    rows = trunk["config"]["vocab_size"]
    if tokenizer.size > rows:
        raise UserError(
            "the checkpoint's tokenizer knows more tokens than its embedding",
            where=str(files.folder),
            expected=f"at most {rows}",
            found=str(tokenizer.size),
        )
    text = {"tokenizer": tokenizer.to_json(), "vocabulary": rows, "kind": tokenizer.kind}
    text |= {"template": template} if template else {}
    if is_bert(trunk["config"]) and files.has_filler():
        text["head_epsilon"] = trunk["config"]["layer_norm_eps"]
    return text, trunk


@torch.no_grad()
def fill(model: Any, files: PretrainedFiles, states: Mapping[str, Any]) -> list[str]:
    """Copy the weights into a model that was built from these states; return the parts that have them, by name."""
    trunk = states["trunk"]
    checkpoint = files.model(trunk, "head_epsilon" in states["target"])
    weights = checkpoint.base_model.state_dict()
    own = model.trunk.model
    own.load_state_dict({name: weights[name] for name in own.state_dict()})
    table, output = checkpoint.get_input_embeddings().weight, checkpoint.get_output_embeddings()
    taken = ["trunk"]
    for name, part in parts_of(model).items():
        embedder, head = declared(part, EmbedsVocabulary), declared(part, PredictsVocabulary)
        if embedder and embedder.get_input_embeddings().weight.shape == table.shape:
            embedder.get_input_embeddings().weight.copy_(table)
            taken.append(name)
        if head and output is not None and head.get_output_embeddings().weight.shape == output.weight.shape:
            head.get_output_embeddings().weight.copy_(output.weight)
            _copy_filler(head, checkpoint)
            taken.append(name)
    _check_same(model.trunk.eval(), checkpoint, trunk)
    model.trunk.train()
    return taken


def _copy_filler(head: PredictsVocabulary, checkpoint: Any) -> None:
    """Copy what fills in masks, where the head does."""
    filler = head.mask_filler()
    if filler is not None:
        head.get_output_embeddings().bias.copy_(checkpoint.get_output_embeddings().bias)
        for own, theirs in zip(filler, filler_of(checkpoint), strict=True):
            own.load_state_dict(theirs.state_dict())


def _check_same(trunk: Any, checkpoint: Any, state: State) -> None:
    """Raise UserError where our way through the checkpoint does not give what `transformers` gives."""
    table = checkpoint.get_input_embeddings().weight
    pad = state["config"].get("pad_token_id")  # which RoBERTa counts no place for
    ids = torch.tensor([[one for one in range(8) if one != pad]]) % len(table)
    tokens = Tokens(table[ids])
    if state["family"] == "encoder":
        given, expected = trunk(tokens, "full").features, checkpoint.base_model(input_ids=ids).last_hidden_state
    elif state["family"] == "decoder":
        given = checkpoint.get_output_embeddings()(trunk(tokens, "causal").features)
        expected = checkpoint(input_ids=ids).logits
    else:
        stream = torch.cat((tokens.features, tokens.features), 1)
        is_prefix = torch.arange(2 * ids.shape[1])[None] < ids.shape[1]
        given = trunk(Tokens(stream), "prefix", is_prefix).features[:, ids.shape[1] - 1 :]
        given = checkpoint.get_output_embeddings()(given)
        first = torch.full((1, 1), state["config"]["decoder_start_token_id"])
        expected = checkpoint(input_ids=ids, decoder_input_ids=torch.cat((first, ids), 1)).logits
    if not bool((given - expected).abs().max() <= TOLERANCE * expected.abs().max()):
        raise UserError(
            f"a checkpoint of the kind {state['config']['model_type']!r} computes in a way that is not followed here",
            where=WHERE,
            fix="take one of BERT's, GPT-2's, Llama's or T5's kind",
        )
