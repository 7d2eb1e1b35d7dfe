"""How an answer is to be written, in Ollama's words and in ours.

What a request does not say is as the model's job says, and not as Ollama has it: a model answers here as it does
everywhere.
"""

from __future__ import annotations

from typing import Any

from noria.contract import dispatch
from noria.service.asking.operation import View
from noria.service.dialects.openai.body import ANY, Body, Passes

MOST_SEED = 2**62
MOST_CONTEXT = 2**31
# How a model is loaded, which changes no answer; and what of a conversation is kept when its oldest part is dropped,
# which never is.
LOADING = (
    *("num_keep", "num_batch", "num_gpu", "main_gpu", "low_vram", "use_mmap", "use_mlock", "num_thread", "numa"),
    *("f16_kv", "logits_all", "vocab_only", "embedding_only"),
)
# What would bend the probabilities of tokens otherwise than a model here can; these values leave them as they are.
PASSES: Passes = {
    **dict.fromkeys(LOADING, ANY),
    "frequency_penalty": (0,),
    "presence_penalty": (0,),
    "mirostat": (0,),
    "mirostat_tau": ANY,
    "mirostat_eta": ANY,
    "tfs_z": (1,),
    "typical_p": (1,),
    "repeat_last_n": (-1,),  # all that was written
    "penalize_newline": (True,),
}


def read_settings(body: Body, view: View) -> dict[str, Any]:
    """Return the settings of `options` and `format`, as `Predictor.stream` takes them."""
    options = body.object("options")
    settings = {} if options is None else _options(options, view)
    return {**settings, **_format(body)}


def check_context(options: Body, view: View) -> None:
    """Note a context that is longer than what the model reads."""
    size = options.whole("num_ctx", 1, MOST_CONTEXT)
    read = [one[1] for one in map(dispatch.most_read, view.predictor.task.inputs.values()) if one]
    if size is not None and read and size > min(read):
        options.wrong("num_ctx", f"at most {min(read)} tokens, what the model reads", size)


def _options(options: Body, view: View) -> dict[str, Any]:
    most = view.limits.answer_tokens
    length = options.whole("num_predict", -1, most)
    top_k, top_p = options.whole("top_k", 0, MOST_SEED), options.number("top_p", 0, 1)
    if length == 0:
        options.wrong("num_predict", f"1 to {most}, or -1 for {most}", length)
    settings: dict[str, Any] = {
        "max_tokens": most if length == -1 else length,
        "temperature": options.number("temperature", 0, 100),
        "top_k": top_k or None,  # 0 stands for all tokens
        "top_p": top_p or None,
        "min_p": options.number("min_p", 0, 1),
        "repetition_penalty": options.number("repeat_penalty", 0.01, 100),
        "seed": options.whole("seed", 0, MOST_SEED),
        "stop": options.texts("stop") or None,
    }
    if top_p == 0:  # the likeliest token alone
        settings["temperature"] = 0
    check_context(options, view)
    options.end(PASSES)
    return {name: value for name, value in settings.items() if value is not None}


def _format(body: Body) -> dict[str, Any]:
    form = body.take("format")
    if form in (None, ""):
        return {}
    if form == "json":
        return {"json_schema": {"type": "object"}}
    if not isinstance(form, dict):
        body.wrong("format", "json, or a JSON schema", form)
        return {}
    return {"json_schema": form}
