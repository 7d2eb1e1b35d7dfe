"""Python as a way in: every verb of the command line with the same words, typed, at no cost before it is used."""

from __future__ import annotations

import inspect
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
import yaml

import noria
from noria import cli, verbs
from noria.errors import UserError
from noria.reporter import Silent
from noria.stages.listing import Listing
from noria.stages.summary import Score

GROUPED = ("batch", "feedback", "ledger", "wheel")  # commands of their own, which Python has as packages
ALL_COMMANDS = typer.main.get_command(cli.app).commands  # type: ignore[attr-defined]
COMMANDS = {name: one for name, one in ALL_COMMANDS.items() if name not in GROUPED}
VERBS = sorted([*COMMANDS, "load"])
SCREEN = {
    "as_json",
    "listen",  # a conversation, until it is interrupted
    "out",
    "keep",
    "probabilities",
    "detector",
    "words",
    "delete",
    "yes",
    "live",
}  # what only a screen or a shell needs


@pytest.mark.parametrize("name", VERBS)
def test_every_command_is_a_verb_with_the_same_words_and_types(name: str) -> None:
    assert name in dir(noria)
    verb = getattr(noria, name)
    assert inspect.getdoc(verb)
    signature = inspect.signature(verb)
    told = [signature.return_annotation, *(one.annotation for one in signature.parameters.values())]
    assert inspect.Signature.empty not in told
    assert not any("Any" in str(one) for one in told)
    if name in COMMANDS:
        words = {parameter.name for parameter in COMMANDS[name].params} - SCREEN - {"help"}
        assert len(words) >= (0 if name == "demo" else 1)
        assert words <= {*signature.parameters, "overrides"}


def test_there_are_no_other_verbs_and_a_star_leaves_the_list_of_python_alone() -> None:
    own = {name for name, one in vars(verbs).items() if inspect.isfunction(one) and not name.startswith("_")}
    assert {name.rstrip("_") for name in own} == {*VERBS}
    assert {*noria.__all__} == {*VERBS, "__version__"} - {"list"}


def test_importing_it_imports_nothing_heavy() -> None:
    code = "import sys, noria; dir(noria); print(sorted({'torch', 'numpy', 'pydantic', 'pandas'} & {*sys.modules}))"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"


SNIPPET = """
from pathlib import Path

import numpy as np

import noria

run = noria.train({"task": "text-classification", "data": Path("a.csv")}, ["train.minutes=5"], run="runs/a")
reveal_type(run)
model = noria.load(run)
reveal_type(model)
reveal_type(model.predict("a text"))
reveal_type(noria.predict(run, [{"text": "a"}, {"text": "b"}], on_bad="skip")[0].confidence)
reveal_type(noria.predict("runs/a", np.zeros((2, 2))))
reveal_type(noria.evaluate(run, "new.csv").metrics["accuracy"].value)
reveal_type(noria.prepare("a.yaml"))
reveal_type(noria.list("tasks"))
reveal_type(noria.search(run, ["a"], "b.csv"))
noria.predict(run, "a", on_bad="drop")
noria.trian("a.yaml")
"""
REVEALED = [
    "pathlib.Path",
    "noria.pipeline.predictor.Predictor",
    "noria.pipeline.predictions.Predictions",
    "float | None",
    "noria.pipeline.predictions.Predictions",
    "float | None",
    "noria.pipeline.prepared.Prepared",
    "noria.stages.listing.Listing",
    "list[list[noria.pipeline.vector_index.Hit]]",
]


def test_what_a_user_writes_is_checked_and_completed_by_its_types(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    api = pytest.importorskip("mypy.api", reason="needs mypy")
    (tmp_path / "snippet.py").write_text(SNIPPET)
    # With the settings and the cache of the check of the sources, which has read them: one of its own takes 15 seconds.
    monkeypatch.chdir(Path(__file__).parents[1])
    out = api.run([str(tmp_path / "snippet.py")])[0]
    found = [line.partition("Revealed type is ")[2].strip('"') for line in out.splitlines() if "Revealed" in line]
    assert [one.replace("Union[", "").replace("builtins.", "") for one in found] == REVEALED, out
    errors = [line for line in out.splitlines() if "error:" in line]
    assert len(errors) == 2, out
    assert "Literal['drop']" in errors[0]
    assert '"trian"' in errors[1]


@pytest.fixture(scope="module")
def frame() -> Any:
    pandas = pytest.importorskip("pandas", reason="needs pandas")
    generator = np.random.default_rng(0)
    table = pandas.DataFrame({"a": generator.normal(size=120), "b": generator.choice(["u", "v"], 120)})
    return table.assign(left=np.where(table["a"] > 0, "yes", "no"))


def job_of(frame: Any) -> dict[str, object]:
    return {
        "task": "tabular-classification",
        "data": {"path": frame, "fields": {"label": "left"}},
        "model": {"size": "tiny"},
        "train": {"steps": 8, "precision": "float32"},
        "evaluate": {"resamples": 100},
    }


def test_a_frame_is_learnt_scored_answered_and_kept_by_what_it_was(frame: Any, tmp_path: Path) -> None:
    run = noria.train(job_of(frame), run=tmp_path / "run", reporter=Silent())
    kept = yaml.safe_load((run / "job.yaml").read_text())["data"]["path"]
    assert kept.startswith("memory:")
    assert "(120 rows; a, b, left)" in kept
    assert json.loads((run / "prepare.json").read_text())["report"]["source"] == kept
    scores = noria.evaluate(run, frame, reporter=Silent())
    assert (scores.n, scores.split) == (120, "frame")
    assert isinstance(scores.metrics["accuracy"], Score)
    assert scores["metrics"]["accuracy"]["value"] == scores.metrics["accuracy"].value
    assert str(scores).startswith("scores on frame, 120 records")
    assert (run / "metrics-frame.json").exists()
    answers = noria.predict(run, frame.drop(columns="left"))
    assert [one.value for one in answers] == [one.value for one in noria.predict(run, frame.to_dict("records"))]


def test_answers_to_a_frame_go_back_into_it_by_its_index(frame: Any, tmp_path: Path) -> None:
    run = noria.train(job_of(frame), run=tmp_path / "run", reporter=Silent())
    pandas = pytest.importorskip("pandas", reason="needs pandas")
    given = frame.sample(9, random_state=0)
    given.index = [*given.index[:8], given.index[0]]  # an index may repeat
    answers = noria.predict(run, given)
    joined = pandas.concat([given, answers.to_frame()], axis=1)
    assert len(joined) == 9
    assert [*joined] == ["a", "b", "left", "value", "confidence", "probability_no", "probability_yes"]
    assert [*joined["value"]] == [one.value for one in answers]
    assert (joined["probability_no"] + joined["probability_yes"]).round(4).eq(1).all()
    bad = noria.predict(run, [{"a": 1, "b": "u"}, {"a": "?"}], on_bad="skip").to_frame()
    assert [one is None or one != one for one in bad["error"]] == [True, False]
    polars = pytest.importorskip("polars", reason="needs polars")
    told = noria.predict(run, polars.from_pandas(given.reset_index(drop=True))).to_frame()
    assert isinstance(told, polars.DataFrame)
    assert told["value"].to_list() == [*joined["value"]]


def test_what_the_verbs_return_shows_itself_in_a_notebook(frame: Any, tmp_path: Path) -> None:
    run: Any = noria.train(job_of(frame), run=tmp_path / "run", reporter=Silent())
    other = noria.train(job_of(frame), ["train.steps=2"], tmp_path / "other", reporter=Silent())
    shown = {
        "report": run._repr_html_(),
        "scores": noria.evaluate(run, frame, reporter=Silent())._repr_html_(),
        "runs": noria.runs(tmp_path)._repr_html_(),
        "comparison": noria.compare(run, other, frame, reporter=Silent())._repr_html_(),
    }
    for name, page in shown.items():
        assert "accuracy" in page, name
        assert "<script" not in page.replace("&lt;", "<"), name
    for name in ("report", "scores"):
        assert shown[name].startswith("<iframe srcdoc=")
        assert 'sandbox=""' in shown[name]
        assert "&lt;svg" in shown[name]
    assert "Hardest records" in shown["report"]
    assert (run / "nothing")._repr_html_() is None
    assert run == tmp_path / "run"


def test_a_frame_trains_as_its_file_does(frame: Any, tmp_path: Path) -> None:
    frame.to_parquet(tmp_path / "f.parquet")
    for data, run in ((frame, "memory"), (tmp_path / "f.parquet", "file")):
        noria.train(job_of(data), run=tmp_path / run, reporter=Silent())
    one, other = (json.loads((tmp_path / run / "prepare.json").read_text()) for run in ("memory", "file"))
    assert one["states"] == other["states"]
    assert one["report"]["records"] == other["report"]["records"]


def test_a_training_on_a_frame_goes_on_with_the_same_one_only(frame: Any, tmp_path: Path) -> None:
    def resumed(job: Any) -> Path:
        return noria.train(job, run=tmp_path / "run", resume=True, reporter=Silent())

    noria.train(job_of(frame), run=tmp_path / "run", reporter=Silent())
    before = (tmp_path / "run" / "metrics.json").read_text()
    assert resumed(job_of(frame.copy())) == tmp_path / "run"
    assert json.loads(before)["metrics"] == json.loads((tmp_path / "run" / "metrics.json").read_text())["metrics"]
    other = frame.assign(a=frame["a"] + 1)
    with pytest.raises(UserError, match="not what this training began with"):
        resumed(job_of(other))
    assert resumed("whatever.yaml") == tmp_path / "run"  # there is nothing left to do
    shutil.rmtree(tmp_path / "run" / "bundle")
    (tmp_path / "run" / "metrics.json").unlink()
    with pytest.raises(UserError, match="a frame in Python, which no file holds") as caught:
        resumed("whatever.yaml")
    assert '"data": frame' in caught.value.fix


def test_runs_on_one_frame_are_compared(frame: Any, tmp_path: Path) -> None:
    noria.train(job_of(frame), run=tmp_path / "one", reporter=Silent())
    words = [f"evaluate.compare_to={tmp_path / 'one'}", "train.steps=9"]
    run = noria.train(job_of(frame), words, run=tmp_path / "other", reporter=Silent())
    assert noria.evaluate(run, frame, reporter=Silent()).n == 120
    assert "on the same" in json.loads((run / "metrics.json").read_text())["compared"]["sentence"]


def test_a_frame_alone_needs_the_column_of_its_answer(frame: Any, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="does not say what is to be learnt") as caught:
        noria.train(frame, run=tmp_path / "run")
    assert caught.value.fix == 'noria.train(frame, ["label=COLUMN"])'
    words = ["label=left", "train.steps=4", "train.precision=float32", "evaluate.resamples=100"]
    assert noria.load(noria.train(frame, words, tmp_path / "run", reporter=Silent())).predict({"a": 1, "b": "u"})
    assert "120 rows" in noria.prepare(frame, ["label=left"], reporter=Silent()).report["source"]
    assert noria.trace(frame, ["label=left"])[0].name == "record table"
    with pytest.raises(UserError, match="this is no job"):
        noria.train(7, run=tmp_path / "other")  # type: ignore[arg-type]


def test_a_frame_and_a_task_are_a_job_as_a_file_and_a_task_are() -> None:
    pandas = pytest.importorskip("pandas")
    events = [(f"u{user}", f"film {(user + place) % 6}", place) for user in range(8) for place in range(5)]
    frame = pandas.DataFrame(events, columns=["user", "item", "time"])
    prepared = noria.prepare(frame, ["task=sequential-recommendation"], reporter=Silent())
    assert prepared.report["records"] == {"train": 8, "validation": 8, "test": 8}
    texts = pandas.DataFrame({"review": [f"good {i}" for i in range(40)], "stars": ["a", "b"] * 20})
    words = ["task=text-classification", "text=review", "label=stars"]
    assert noria.prepare(texts, words, reporter=Silent()).report["records"]["train"] > 20


def test_an_override_of_the_path_wins_over_the_frame(frame: Any, tmp_path: Path) -> None:
    frame.head(60).to_csv(tmp_path / "f.csv", index=False)
    prepared = noria.prepare(job_of(frame), [f"data.path={tmp_path / 'f.csv'}"], reporter=Silent())
    assert sum(prepared.report["records"].values()) == 60
    assert str(prepared).startswith("data: ")


def test_the_lists_print_as_on_the_command_line(noria_run: Callable[..., str]) -> None:
    assert isinstance(noria.list("tasks"), Listing)
    for words in ([], ["tasks"], ["task", "image-classification"]):
        assert repr(noria.list(*words)) + "\n" == noria_run("list", *words)


@pytest.fixture
def noria_run(noria: Callable[..., tuple[int, str, str]]) -> Callable[..., str]:
    """A function: words of a command -> what it printed."""
    return lambda *words: noria(*words)[1]


def test_a_prompt_is_answered_piece_by_piece(trained: Callable[[str], Path]) -> None:
    run = trained("text-generation")
    pieces = list(noria.generate(run, "To be", temperature=0.0, max_tokens=4))
    assert pieces[-1].ended in ("end", "length")
    with pytest.raises(UserError, match="warmth"):
        list(noria.generate(run, "To be", warmth=1))
