"""Masked text: what is hidden is fixed where it is scored, random where it is learnt from, and filled in as scored."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from noria.contract import registry
from noria.errors import UserError
from noria.model.heads import NextToken
from noria.pipeline.predictor import load
from noria.reporter import Silent
from noria.stages.predict import predict
from noria.stages.train import train
from noria.targets.masked_text import MaskedText, common_tokens, lowest
from noria.text.tokenizer import Tokenizer
from noria.types import PAD, Batch, Dataset, Ragged, Tokens
from other_data import read

CYCLE = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]


def state_of(text: str = "the cat sat on the mat " * 9) -> dict:
    tokenizer = Tokenizer.train([text], "character")
    return {"tokenizer": tokenizer.to_json(), "vocabulary": tokenizer.size, "kind": tokenizer.kind}


class Spy(nn.Module):
    """Stand in for a model: remember the ids that it is shown."""

    def __init__(self, state: dict) -> None:
        super().__init__()
        self.head = NextToken(4, state["vocabulary"])
        self.seen: list[Tensor] = []
        self.bias = torch.zeros(4)

    def mixed(self, inputs: dict[str, dict[str, Tensor]]) -> Tokens:
        self.seen.append(inputs["masked"]["ids"])
        return Tokens(self.bias.expand(*self.seen[-1].shape, 4))


def batch_of(ids: Tensor) -> Batch:
    return Batch({"masked": {"ids": ids}}, {"ids": ids}, len(ids))


def drawn(rows: int, length: int, size: int) -> Tensor:
    return torch.randint(size, (rows, length), generator=torch.Generator().manual_seed(0))


def test_the_hidden_places_of_a_text_do_not_depend_on_padding_or_on_its_neighbours() -> None:
    ids, specials = drawn(20, 40, 50), [7, 8]
    together = MaskedText().fixed_places(ids, specials)
    padded = MaskedText().fixed_places(torch.nn.functional.pad(ids, (0, 9), value=PAD), specials)
    assert torch.equal(together, padded)
    for row in range(20):
        alone = MaskedText().fixed_places(ids[row : row + 1], specials)[0]
        assert alone[alone != PAD].tolist() == [one for one in together[row].tolist() if one != PAD]
    assert len({tuple(row) for row in together.tolist()}) == 20  # they differ from text to text


def test_a_share_of_the_words_is_hidden_and_never_a_special_token() -> None:
    ids, specials = drawn(200, 64, 30), [3, 4, 5]
    ids[:, 60:] = PAD
    places = MaskedText(hidden=0.25).fixed_places(ids, specials)
    words = ((ids != PAD) & ~torch.isin(ids, torch.tensor(specials))).sum(1)
    assert (places != PAD).sum(1).tolist() == [round(float(count) * 0.25) for count in words]
    shown = ids.gather(1, places.clamp_min(0))[places != PAD]
    assert not torch.isin(shown, torch.tensor([*specials, PAD])).any()
    hit = torch.bincount(places[places != PAD], minlength=60)[:60]
    assert hit.min() > 10  # nor does it prefer a place


def test_a_text_of_one_word_hides_it_and_one_of_none_hides_nothing() -> None:
    places = lowest(torch.rand(2, 3), torch.tensor([[False, True, False], [False, False, False]]), 0.15)
    assert places.tolist() == [[1], [PAD]]


def test_in_training_80_of_100_hidden_tokens_are_masks_10_others_and_10_themselves() -> None:
    state = state_of()
    tokenizer, spy = Tokenizer.from_json(state["tokenizer"]), Spy(state)
    ids = drawn(400, 100, tokenizer.size - 3)
    torch.manual_seed(0)
    MaskedText().training_step(spy, batch_of(ids), state)
    torch.manual_seed(0)
    MaskedText().training_step(spy, batch_of(ids), state)
    MaskedText().training_step(spy, batch_of(ids), state)
    first, again, other = spy.seen
    assert torch.equal(first, again)  # by torch's seed
    assert not torch.equal(first, other)
    hidden, changed = 0.15 * ids.numel(), (first != ids).sum().item()
    masks = (first == tokenizer.mask).sum().item()
    assert masks / hidden == pytest.approx(0.8, abs=0.02)
    assert (changed - masks) / hidden == pytest.approx(0.1 * (1 - 1 / tokenizer.size), abs=0.02)


def test_the_loss_is_over_the_hidden_tokens_alone() -> None:
    state = state_of()
    spy = Spy(state)
    loss = MaskedText().training_step(spy, batch_of(drawn(8, 30, 5)), state)
    assert loss["loss"].item() == pytest.approx(np.log(state["vocabulary"]), rel=1e-5)  # the head starts at zero
    assert loss["each"].shape == (8,)


def test_the_scores_count_the_likeliest_token_and_the_five_likeliest() -> None:
    state = state_of()
    target, spy, ids = MaskedText(hidden=0.4), Spy(state), drawn(30, 20, 9)
    spy.bias = torch.randn(4, generator=torch.Generator().manual_seed(3))
    torch.nn.init.normal_(spy.head.linear.weight, generator=torch.Generator().manual_seed(4))
    output = target.predict_step(spy, batch_of(ids), state)
    order = (spy.head.linear.weight @ spy.bias).argsort(descending=True)  # the same at every place
    hidden = ids.gather(1, output["places"])
    assert output["right"].tolist() == (hidden == order[0]).sum(1).tolist()
    assert output["right_5"].tolist() == torch.isin(hidden, order[:5]).sum(1).tolist()
    assert output["right"].sum() < output["right_5"].sum() < output["tokens"].sum()
    chances = (spy.head.linear.weight @ spy.bias).log_softmax(0)
    assert torch.allclose(output["nats"], -chances[hidden].sum(1))


def test_the_trivial_scores_are_those_of_counting() -> None:
    state = state_of()
    target, values = MaskedText(hidden=0.5), ["the cat", "the mat sat", "on"]
    encoded = target.encode(values, state).arrays
    learnt = common_tokens(encoded)
    tokenizer = Tokenizer.from_json(state["tokenizer"])
    assert learnt["specials"].tolist() == [[tokenizer.end]]
    scores = target.baseline_scores(encoded, learnt)
    for i in range(len(values)):
        ids = torch.from_numpy(encoded["ids"][i].astype(np.int64))[None]
        hidden = ids[0, target.fixed_places(ids, [tokenizer.end])[0]].tolist()
        assert scores["tokens"][i] == len(hidden)
        assert scores["nats"][i] == pytest.approx(-sum(float(learnt["chances"][0, one]) for one in hidden))
        assert scores["right"][i] == hidden.count(int(learnt["chances"][0, :-1].argmax()))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cycle")
    (folder / "text.txt").write_text(" ".join(CYCLE * 400), "utf-8")
    job = {
        "task": "masked-language-modelling",
        "data": {"path": str(folder / "text.txt"), "split": {"order": True}},
        "inputs": {"masked": {"vocabulary": 300}},
        "model": {"width": 32, "heads": 2, "depth": 2},
        "target": {"window": 24},
        "train": {"steps": 200, "batch_size": 32, "learning_rate": 0.01, "precision": "float32"},
    }
    return train(job, run=folder / "run", reporter=Silent())


def test_what_follows_from_the_text_around_is_learnt(run: Path) -> None:
    scores = json.loads((run / "metrics.json").read_text())
    given, trivial = scores["metrics"], scores["baseline"]
    assert given["loss"]["value"] < 0.5 * trivial["loss"]["value"]
    assert given["token_accuracy"]["value"] > 0.8 > trivial["token_accuracy"]["value"]
    assert given["token_accuracy"]["value"] <= given["token_accuracy_top5"]["value"]
    assert given["perplexity"]["value"] == pytest.approx(np.exp(given["loss"]["value"]))
    assert [panel["title"] for panel in scores["panels"]] == ["Hidden tokens"]


def test_masks_are_filled_in_each_with_its_likeliest_tokens(run: Path) -> None:
    text = "one two [MASK] four five six seven [MASK] nine ten eleven twelve one two three four"
    answer = load(run, "cpu").predict([{"masked": text}])[0]
    assert answer.value == text.replace("[MASK]", "three", 1).replace("[MASK]", "eight", 1)
    masks = answer.details["masks"]
    assert [len(one) for one in masks] == [5, 5]
    assert [one[0]["token"] for one in masks] == [" three", " eight"]
    for one in masks:
        chances = [candidate["probability"] for candidate in one]
        assert chances == sorted(chances, reverse=True)
        assert sum(chances) <= 1 + 1e-5
    assert answer.confidence == pytest.approx(masks[0][0]["probability"] * masks[1][0]["probability"], abs=1e-5)


def test_a_text_that_is_asked_for_with_the_masks_of_its_scoring_gets_the_answers_it_was_scored_by(run: Path) -> None:
    model = load(run, "cpu")
    dataset, _ = read(model, run.parent / "text.txt")
    few = dataset.select(np.arange(6))
    scored = model.outputs(few)
    ids = np.array(few.target["ids"])
    mask = Tokenizer.from_json(model.states["target"]["tokenizer"]).mask
    for row in range(6):
        ids[row, scored["places"][row]] = mask
    asked = model.outputs(Dataset({"masked": {"ids": ids}}, {}))
    for row in range(6):
        order = np.argsort(scored["places"][row])
        np.testing.assert_array_equal(scored["places"][row][order], asked["places"][row])
        np.testing.assert_array_equal(scored["best"][row][order], asked["candidates"][row][:, 0])


def test_a_text_without_a_mask_is_refused_with_the_reason(run: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no \[MASK\] to be filled in"):
        load(run, "cpu").predict([{"masked": "one [MASK]"}, {"masked": "one two"}])
    path = tmp_path / "asked.csv"
    path.write_text("masked\none [MASK] three\none two\n", "utf-8")
    good, bad = predict(run, [path])
    assert good["value"].startswith("one")
    assert bad["where"] == "asked.csv:3"
    assert "no [MASK] to be filled in" in bad["error"]


def test_a_space_before_a_mask_belongs_to_the_token(run: Path) -> None:
    model = load(run, "cpu")
    modality, state = model.task.inputs["masked"], model.states["inputs"]["masked"]
    mask = Tokenizer.from_json(state["tokenizer"]).mask
    whole, masked = (list(modality.encode([text], state).arrays["ids"][0]) for text in ("a [MASK]", "one [MASK] three"))
    assert whole[-2] == mask
    plain = model.task.target.encode(["one two three"], state).arrays["ids"][0].tolist()
    assert [a if b != mask else mask for a, b in zip(plain, masked, strict=True)] == masked


def test_plain_text_needs_no_column_to_be_named(tmp_path: Path) -> None:
    task = registry.task("masked-language-modelling")
    for name in ("a.txt", "a.csv", "a.jsonl"):
        lines = {"a.txt": "some words\n", "a.csv": "text,n\nsome words,1\n", "a.jsonl": '{"text": "some words"}\n'}
        (tmp_path / name).write_text(lines[name], "utf-8")
        source = task.read(tmp_path / name)
        assert source is not None
        assert "masked_text" in source.columns
        rows = next(source.rows())
        assert rows.columns["masked_text"][0].strip() == "some words"
    (tmp_path / "b.csv").write_text("masked,text\na [MASK],a b\n", "utf-8")
    assert task.read(tmp_path / "b.csv") is None


def test_another_task_starts_from_what_was_learnt(run: Path, trained: Callable[[str], Path], tmp_path: Path) -> None:
    with (tmp_path / "labels.csv").open("w", newline="", encoding="utf-8") as file:
        rows = [[f"{CYCLE[i % 12]} {CYCLE[i * 5 % 12]} {i}", "even" if i % 2 else "odd"] for i in range(60)]
        csv.writer(file).writerows([["text", "label"], *rows])
    job = {
        "task": "text-classification",
        "data": {"path": str(tmp_path / "labels.csv")},
        "model": {"from": str(run)},
        "train": {"steps": 0, "precision": "float32"},
    }
    made = train(job, run=tmp_path / "run", reporter=Silent())
    before, after = (load(one, "cpu").bundle.model.state_dict() for one in (run, made))
    taken = [name for name in after if name.startswith("trunk.")]
    assert len(taken) > 5
    assert all(torch.equal(before[name], after[name]) for name in taken)
    assert torch.equal(before["embedders.masked.table.weight"], after["embedders.text.table.weight"])


def test_the_head_of_a_model_sees_only_what_is_hidden() -> None:
    state = state_of()
    spy = Spy(state)
    widths = []
    spy.head.register_forward_pre_hook(lambda _, given: widths.append(given[0].features.shape[1]))
    MaskedText().training_step(spy, batch_of(drawn(4, 100, 5)), state)
    assert widths == [15]


def test_rows_of_unequal_length_are_scored(run: Path) -> None:
    model = load(run, "cpu")
    encoded = model.task.target.encode([" ".join(CYCLE), "one two three"], model.states["target"]).arrays
    output = model.outputs(Dataset({"masked": {"ids": encoded["ids"]}}, encoded))
    assert isinstance(output["places"], Ragged)
    assert output["tokens"].tolist() == output["places"].lengths.tolist()
    assert output["tokens"][0] > output["tokens"][1] >= 1
