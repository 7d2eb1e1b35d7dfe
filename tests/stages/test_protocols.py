"""Other divisions of one run's data: trained, scored and shown, resumed, and refused before anything is trained."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from noria.errors import UserError
from noria.job.load import load_job
from noria.reporter import Silent
from noria.stages.evaluate import evaluate
from noria.stages.train import train
from noria.store.run_folder import read_json

USERS, CIRCLE = 60, 12


def job(folder: Path, **protocols: Any) -> dict[str, Any]:
    """Write people of whom each goes round a circle of items, and return a job of them."""
    rows = ["user,item,time"]
    for step in range(8):
        rows += [f"u{user},film {(user + step) % CIRCLE},{1_600_000_000 + 86_400 * step}" for user in range(USERS)]
    (folder / "events.csv").write_text("\n".join(rows) + "\n")
    return {
        "task": "sequential-recommendation",
        "data": {"path": str(folder / "events.csv")},
        "model": {"width": 16, "depth": 1, "heads": 2},
        "train": {"steps": 4, "batch_size": 16, "precision": "float32", "validations": 1},
        "evaluate": {"resamples": 200, "protocols": protocols},
    }


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("protocols")
    given = job(folder, random={"within": "random"}, published={"within": "lines", "lines": 100})
    return train(given, run=folder / "run", reporter=Silent())


def test_a_run_is_scored_under_every_protocol_with_simple_models_beside(run: Path):
    rows = read_json(run / "metrics.json")["protocols"]

    assert [one["name"] for one in rows] == [
        "this run: within last",
        "random: within random",
        "published: within lines, lines 100",
    ]
    for one in rows:
        assert one["split"] == "test"
        assert "ndcg_10" in one["metrics"].keys() & one["baseline"].keys()
        assert [rival["name"] for rival in one["rivals"]] == ["item-kNN", "EASE^R", "events that follow"]


def test_the_rows_are_the_scores_of_runs_of_their_own(run: Path):
    rows = read_json(run / "metrics.json")["protocols"]

    for name, row in zip(("random", "published"), rows[1:], strict=True):
        own = read_json(run / "protocols" / name / "metrics.json")
        assert own["metrics"] == row["metrics"]
        assert "protocols" not in own
    assert rows[0]["metrics"] == read_json(run / "metrics.json")["metrics"]
    assert rows[1]["metrics"] != rows[0]["metrics"]


def test_the_table_stands_in_report_card_and_summary(run: Path):
    assert "The same model under every protocol" in (run / "report.html").read_text()
    assert "published: within lines" in (run / "report.html").read_text()
    assert "- published: within lines" in (run / "bundle" / "README.md").read_text()


def test_scoring_again_shows_the_same_table(run: Path):
    before = read_json(run / "metrics.json")["protocols"]

    assert evaluate(run, reporter=Silent())["protocols"] == before


def test_what_is_gone_is_told_and_a_resumed_training_makes_it_again(tmp_path: Path):
    run = train(job(tmp_path, random={"within": "random"}), run=tmp_path / "run", reporter=Silent())
    before = read_json(run / "metrics.json")["protocols"]
    (run / "protocols" / "random" / "metrics.json").unlink()

    with pytest.raises(UserError, match="not there any more"):
        evaluate(run, reporter=Silent())

    (run / "metrics.json").unlink()
    train(run / "job.yaml", run=run, resume=True, reporter=Silent())
    assert read_json(run / "metrics.json")["protocols"] == before


def test_a_protocol_that_leaves_nothing_to_learn_from_is_refused_before_any_training(tmp_path: Path):
    given = job(tmp_path, all_of_it={"within": "lines", "lines": 100_000})

    with pytest.raises(UserError, match="no row for training") as error:
        train(given, run=tmp_path / "run", reporter=Silent())

    assert "evaluate.protocols.all_of_it" in str(error.value)
    assert not (tmp_path / "run" / "history.jsonl").exists()


def test_a_name_that_is_no_name_of_a_folder_is_refused(tmp_path: Path):
    with pytest.raises(UserError, match="protocols"):
        load_job(job(tmp_path, **{"../elsewhere": {"within": "random"}}))
