"""A job made from a data table and the name of its answer."""

from __future__ import annotations

from pathlib import Path

import pytest

from noria.contract import registry
from noria.errors import UserError
from noria.job.from_table import job_of_table
from noria.job.load import load_job


@pytest.fixture
def heart(tmp_path: Path) -> Path:
    path = tmp_path / "heart.csv"
    path.write_text("age,sex,target\n" + "".join(f"{30 + i},{i % 2},{i % 2}\n" for i in range(40)), "utf-8")
    return path


@pytest.mark.parametrize(
    ("override", "task", "field"),
    [("label=target", "tabular-classification", "label"), ("number=age", "tabular-regression", "number")],
)
def test_a_table_and_its_answer_are_a_job(override: str, task: str, field: str, heart: Path) -> None:
    job, made = load_job(str(heart), [override, "train.steps=5"])
    assert job.task == task
    assert type(made).__name__.lower() == task.replace("-", "")
    assert job.data.path == str(heart)
    assert job.data.fields == {field: override.partition("=")[2]}
    assert job.train.steps == 5


def test_the_other_overrides_are_left_as_they_are(heart: Path) -> None:
    job, left = job_of_table(heart, ["train.steps=5", "label=target", "model.depth=1"])
    assert job["task"] == "tabular-classification"
    assert left == ["train.steps=5", "model.depth=1"]


@pytest.mark.parametrize("overrides", [[], ["train.steps=5"], ["label="], ["target"], ["image=x"]])
def test_without_an_answer_the_error_says_how_to_name_it(overrides: list[str], heart: Path) -> None:
    with pytest.raises(UserError, match="a table alone does not say what is to be learnt") as caught:
        load_job(str(heart), overrides)
    assert caught.value.where == str(heart)
    assert caught.value.expected == "label=COLUMN or labels=COLUMN or number=COLUMN"
    assert caught.value.fix == "noria train heart.csv label=COLUMN"


def test_a_wrong_override_beside_the_answer_is_still_told(heart: Path) -> None:
    with pytest.raises(UserError, match=r"train\.stepz"):
        load_job(str(heart), ["label=target", "train.stepz=5"])


class Ranking(registry.component_class("tasks", "tabular-classification")):  # type: ignore[misc]
    """A task of another package, or a new file of ours, that learns a label from columns too."""


def with_another_task(monkeypatch: pytest.MonkeyPatch, is_ours: bool, name: str = "tabular-ranking") -> None:
    names, built_in, task = registry.names("tasks"), registry.built_in("tasks"), registry.task
    monkeypatch.setattr(registry, "names", lambda kind: [*names, name] if kind == "tasks" else [])
    monkeypatch.setattr(registry, "built_in", lambda kind: [*built_in, name] if is_ours else built_in)
    monkeypatch.setattr(registry, "task", lambda wanted: Ranking() if wanted == name else task(wanted))


@pytest.mark.parametrize("name", ["tabular-ranking", "a-ranking"])
def test_a_task_of_another_package_does_not_change_what_a_label_trains(
    name: str, heart: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_another_task(monkeypatch, is_ours=False, name=name)
    assert job_of_table(heart, ["label=target"])[0]["task"] == "tabular-classification"
    job, left = job_of_table(heart, ["label=target", f"task={name}", "model.depth=1"])
    assert job["task"] == name
    assert left == ["model.depth=1"]


def test_where_two_tasks_of_ours_fit_the_error_names_them(heart: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with_another_task(monkeypatch, is_ours=True)
    with pytest.raises(UserError, match="several tasks could be learnt") as caught:
        job_of_table(heart, ["label=target"])
    assert caught.value.expected == "task=tabular-classification or task=tabular-ranking"
    assert caught.value.fix == "noria train heart.csv label=target task=tabular-classification"
    assert job_of_table(heart, ["number=age"])[0]["task"] == "tabular-regression"


REVIEWS = [f"the room number {i} was quite {'lovely' if i % 2 else 'dirty'}" for i in range(60)]


def reviews(path: Path, **more: object) -> Path:
    names = ["review", *more, "label"]
    rows = [[text, *more.values(), "pos" if i % 2 else "neg"] for i, text in enumerate(REVIEWS)]
    path.write_text("".join(",".join(map(str, row)) + "\n" for row in [names, *rows]), "utf-8")
    return path


def test_where_all_that_is_left_is_one_column_of_texts_a_text_is_learnt_from(tmp_path: Path) -> None:
    job, _ = load_job(reviews(tmp_path / "a.csv", hotel="Ritz"), ["label=label"])
    assert (job.task, job.data.fields) == ("text-classification", {"label": "label", "text": "review"})
    assert job_of(tmp_path / "a.csv", "task=tabular-classification") == "tabular-classification"


def test_beside_columns_that_can_be_learnt_from_a_text_is_one_column_of_a_table(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    rows = [f"{text},{i * 7 % 11 + 0.5},{'pos' if i % 2 else 'neg'}" for i, text in enumerate(REVIEWS)]
    path.write_text("\n".join(["review,price,label", *rows]), "utf-8")
    assert job_of(path) == "tabular-classification"


def job_of(path: Path, *overrides: str) -> str:
    return load_job(path, ["label=label", *overrides])[0].task


def test_texts_and_a_number_are_no_molecules(tmp_path: Path):
    rows = "".join(f"it cost about {index} in the end and nobody minded,{index}.5\n" for index in range(40))
    (tmp_path / "prices.csv").write_text("text,price\n" + rows)
    loaded, _ = load_job(str(tmp_path / "prices.csv"), ["number=price"])
    assert loaded.task == "tabular-regression"
