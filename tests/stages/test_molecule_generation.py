"""From a file of molecules to new ones: trained, asked by the command line and by a program, filed."""

from __future__ import annotations

import csv
import json
from dataclasses import replace

import numpy as np
import pytest

from noria.errors import UserError
from noria.modalities.molecule.properties import properties_of
from noria.pipeline.predictor import load
from noria.reporter import Silent
from noria.stages.generate import generate, generate_to
from noria.stages.train import train
from noria.targets.molecule.judging import is_known, parsed
from noria.targets.molecule.smiles import SmilesTokens
from noria.types import PAD

Chem = pytest.importorskip("rdkit.Chem", reason="needs rdkit")


def never():
    raise AssertionError("standard input is not to be read")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A model that has learnt chains of up to fifteen atoms well enough to write others."""
    folder = tmp_path_factory.mktemp("design")
    ends = ["O", "N", "S", "Cl", "C(=O)O", "c1ccccc1"]
    chains = [f"{'C' * size}{end}" for size in range(1, 15) for end in ends]
    branched = [f"CC({'C' * size}){end}" for size in range(1, 10) for end in ends]
    lines = ["C1CC nonsense", *chains, *branched]
    (folder / "chains.smi").write_text("\n".join(lines) + "\n")
    job = {
        "task": "molecule-generation",
        "data": {"path": str(folder / "chains.smi"), "split": {"validation": 0.1, "test": 0.3}},
        "model": {"width": 32, "heads": 2, "depth": 1},
        "train": {"steps": 300, "epochs": None, "batch_size": 32, "precision": "float32", "validations": 1},
        "evaluate": {"resamples": 100},
    }
    return train(job, run=folder / "run", reporter=Silent())


def test_what_is_no_molecule_is_quarantined_and_the_scores_stand_beside_the_baseline(run):
    (line,) = (run / "quarantine.jsonl").read_text().splitlines()
    assert "is no molecule" in json.loads(line)["reason"]
    metrics = json.loads((run / "metrics.json").read_text())
    assert metrics["metrics"]["validity"]["value"] > 0.5
    assert 0 < metrics["baseline"]["inside"]["value"] < 1
    assert "New molecules" in (run / "report.html").read_text()
    assert "data:image/svg+xml" in (run / "report.html").read_text()


def test_as_many_as_are_asked_for_are_valid_different_new_and_as_wished(run):
    *pieces, last = generate(run, ["weight ..150", "count=12", "seed=1"], never)
    smiles = [piece.content.strip() for piece in pieces if piece.content]
    assert len(smiles) == len({Chem.CanonSmiles(one) for one in smiles}) == 12
    assert not is_known([Chem.CanonSmiles(one) for one in smiles], load(run).states["target"]["known"]).any()
    from rdkit.Chem import Descriptors

    assert all(Descriptors.MolWt(Chem.MolFromSmiles(one)) <= 150 for one in smiles)
    assert last.ended == "end"
    assert last.note.startswith("12 molecules of ")


def test_the_same_seed_gives_the_same_molecules_however_many_are_asked_for(run):
    few, many, others = (
        [
            piece.content
            for piece in generate(run, [f"count={count}", f"seed={seed}"], never, is_typed=True)
            if piece.content
        ]
        for count, seed in ((3, 5), (20, 5), (3, 6))
    )
    assert few[:3] == many[:3]
    assert few[:3] != others[:3]


def test_a_wish_that_nothing_fulfils_is_told_with_what_was_written_instead(run):
    with pytest.raises(UserError, match=r"none of 2,000 molecules .*\n.*are not as asked for") as told:
        list(generate(run, ["weight 900.."], never))
    assert "ask for wider ranges" in str(told.value)


def test_a_wish_that_cannot_be_meant_is_told_before_anything_is_written(run):
    with pytest.raises(UserError, match="did you mean 'logp'"):
        list(generate(run, ["lopg 2..3"], never))


@pytest.mark.parametrize("ending", ["smi", "sdf", "csv", "svg", "txt"])
def test_they_are_written_as_a_file_by_its_ending(run, tmp_path, ending):
    out = tmp_path / f"new.{ending}"
    said = generate_to(run, out, ["count=3"], never, is_typed=True)
    assert said.startswith(f"wrote the answer to {out}; 3 molecules of ")
    text = out.read_text()
    if ending == "csv":
        assert len(list(csv.DictReader(text.splitlines()))) == 3
    elif ending == "sdf":
        assert text.count("$$$$") == 3
    elif ending != "svg":
        assert len(text.splitlines()) == 3


def written(model, records, **settings):
    """Return the ids of a molecule for each wish."""
    target = replace(model.task.target, **settings)
    (chunk,) = model.encoded(records)
    batch = chunk.records.batch(np.arange(len(chunk)), model.device)
    rows = target.predict_step(model.bundle.model.eval(), batch, model.states["target"])["written"].tolist()
    return [[one for one in row if one != PAD] for row in rows]


def test_a_wish_is_written_for_again_until_it_is_fulfilled_alone_as_beside_others(run):
    model = load(run)
    ranges = [(low, low + 14.0) for low in range(60, 200, 14)]
    wishes = [{"wishes": ""}, *({"wishes": f"weight {low}..{high}"} for low, high in ranges)]
    state, limits = model.states["target"], model.task.target.limits
    tokens = SmilesTokens(state["tokens"])

    def fulfilled(rows):
        found = [parsed(tokens.text(ids), limits) for ids in rows[1:]]
        return sum(one is not None and low <= properties_of(one)[2] <= high
                   for one, (low, high) in zip(found, ranges, strict=True))  # fmt: skip

    once, often = (written(model, wishes, tries=tries) for tries in (1, 30))
    assert once[0] == often[0]
    assert fulfilled(often) > fulfilled(once) + 2
    assert [written(model, [wish], tries=30)[0] for wish in wishes] == often


def test_a_file_of_an_unknown_ending_is_refused_before_anything_is_written(run, tmp_path):
    with pytest.raises(UserError, match=r"not written as \.docx"):
        generate_to(run, tmp_path / "new.docx", ["count=3"], never, is_typed=True)


def test_one_that_is_predicted_says_whether_it_is_valid_and_new(run):
    (answer,) = load(run).predict([{"wishes": "weight ..150"}])
    assert answer.details.keys() >= {"is_valid"}
    if answer.value is not None:
        assert answer.details.keys() == {"is_valid", "is_new", "logp", "qed", "weight", "sa"}


def test_another_model_starts_from_it_with_its_tokens(run, tmp_path):
    (tmp_path / "own.smi").write_text("\n".join(f"{'C' * size}OC" for size in range(1, 30)) + "\n")
    job = {
        "task": "molecule-generation",
        "data": {"path": str(tmp_path / "own.smi")},
        "model": {"from": str(run)},
        "train": {"steps": 5, "epochs": None, "batch_size": 8, "precision": "float32", "validations": 1},
        "evaluate": {"resamples": 100},
    }
    other = load(train(job, run=tmp_path / "run", reporter=Silent()))
    assert other.states["target"]["tokens"] == load(run).states["target"]["tokens"]
