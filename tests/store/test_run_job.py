"""The job of a run means the same files wherever a command is given."""

from __future__ import annotations

from pathlib import Path

import pytest

from noria.job.load import load_job
from noria.store.run_folder import read_run_job, record_start


def test_relative_paths_start_where_the_training_began_and_others_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    began, run = tmp_path / "began", tmp_path / "run"
    for folder in (began, run):
        folder.mkdir()
    for name in ("a.csv", "甲.csv"):
        (began / name).touch()
    data = {"path": "a.csv", "more": ["甲.csv", "gone.csv", "s3://bucket/b.csv", str(began / "a.csv")]}
    monkeypatch.chdir(began)
    record_start(run, load_job({"task": "tabular-classification", "data": data})[0], {"fingerprint": "f"}, [])
    assert [read_run_job(run)["data"][name] for name in data] == list(data.values())
    monkeypatch.chdir(tmp_path)
    stored = read_run_job(run)
    assert stored["data"]["path"] == str(began / "a.csv")
    assert stored["data"]["more"] == [str(began / "甲.csv"), *data["more"][1:]]
    assert (stored["model"]["from"], stored["wheel"]) == (None, None)
    (run / "prepare.json").write_text("{}")  # of an earlier version
    assert read_run_job(run)["data"]["path"] == "a.csv"
