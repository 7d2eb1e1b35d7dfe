"""What is to be served, as the command and a file say it; what cannot be is told before anything is loaded."""

from __future__ import annotations

from pathlib import Path

import pytest

from noria.errors import UserError
from noria.service.plans import plans_of


def test_a_run_has_its_folders_name_and_a_bundle_that_of_its_run(tmp_path: Path) -> None:
    assert [one.name for one in plans_of(["runs/digits", "runs/other/bundle", "b=runs/digits"])] == [
        "digits",
        "other",
        "b",
    ]
    (plan,) = plans_of([tmp_path / "my run (2)"])
    assert plan.name == "my-run-2"  # what can stand in a path as it is


def test_a_file_says_more_and_its_paths_are_below_it(tmp_path: Path) -> None:
    text = "models:\n  a: runs/a\n  b: {run: runs/b, workers: 2, threads: 3, canary: {run: runs/c, share: 0.05}}\n"
    (tmp_path / "serve.yaml").write_text(text)
    first, second = plans_of([tmp_path / "serve.yaml"])
    assert (first.name, first.run, first.workers, first.canary) == ("a", tmp_path / "runs" / "a", 1, None)
    assert (second.workers, second.threads) == (2, 3)
    assert second.canary is not None
    assert (second.canary.run, second.canary.share) == (tmp_path / "runs" / "c", 0.05)


def test_the_cores_are_divided_among_the_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("psutil.cpu_count", lambda logical=True: 8)
    assert [one.threads for one in plans_of(["a", "b"], workers=2)] == [2, 2]
    assert [one.threads for one in plans_of([f"m{i}" for i in range(20)])] == [1] * 20


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("models: {}", "models"),
        ("models: {a: {run: x, worker: 2}}", "models.a.worker"),
        ("models: {a: {run: x, canary: {run: y, share: 2}}}", "models.a.canary.share"),
        ("modles: {a: x}", "models"),
        ("[", "not YAML"),
        ("models: {'a b': x}", "cannot be the name"),
        ("models: {评论: x}", "give it another"),
    ],
)
def test_a_file_that_is_wrong_is_told_with_the_place(text: str, told: str, tmp_path: Path) -> None:
    (tmp_path / "serve.yaml").write_text(text)
    with pytest.raises(UserError, match=told):
        plans_of([tmp_path / "serve.yaml"])


def test_two_models_of_one_name_and_too_many_processes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="two models have one name"):
        plans_of(["x/digits", "y/digits"])
    with pytest.raises(UserError, match="so many processes"):
        plans_of(["x"], workers=0)
    with pytest.raises(UserError, match="cannot be read"):
        plans_of([tmp_path / "none.yaml"])
