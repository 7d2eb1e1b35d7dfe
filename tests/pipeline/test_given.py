"""What `predict` takes in Python: whatever a program holds a record in, the answer is the same."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import noria
from noria.errors import UserError
from noria.pipeline.predictor import Predictor, load
from noria.reporter import Silent
from noria.types import Prediction
from tiny_data import png, reviews_job

Trained = Callable[[str], Path]
PICTURE = np.arange(28 * 28).reshape(28, 28).astype(np.uint8)
REVIEWS = ["good, very good", "bad", "so good", "so bad"]


@pytest.fixture(scope="module")
def reviews(tmp_path_factory: pytest.TempPathFactory) -> Predictor:
    """A model of texts from a table whose columns are not called like the fields."""
    folder = tmp_path_factory.mktemp("reviews")
    rows = [f'{i},"{REVIEWS[i % 4]} {i}",{5 - 4 * (i % 2)}' for i in range(60)]
    job = reviews_job(folder, ["id,review,stars", *rows])
    return load(noria.train(job, run=str(folder / "run"), reporter=Silent()))


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Predictor:
    """A model of a table with a number and a category."""
    folder = tmp_path_factory.mktemp("table")
    rows = [f"{i % 7 + i / 100},{'uv'[i % 2]},{'pn'[i % 7 > 3]}" for i in range(80)]
    (folder / "t.csv").write_text("\n".join(["x,kind,label", *rows]) + "\n")
    words = ["label=label", "train.steps=5", "train.precision=float32", "model.size=tiny", "evaluate.resamples=100"]
    return load(noria.train(folder / "t.csv", words, folder / "run", reporter=Silent()))


def alike(some: list[Prediction], others: list[Prediction]) -> bool:
    assert [one.value for one in some] == [one.value for one in others]
    assert [one.confidence for one in some] == pytest.approx([one.confidence for one in others], abs=1e-5)
    return bool(some)


def test_a_text_is_given_bare_or_by_field_or_by_column_alone_or_among_others(reviews: Predictor) -> None:
    expected = reviews.predict([{"text": text} for text in REVIEWS])
    assert alike(reviews.predict(REVIEWS), expected)
    assert alike(reviews.predict(tuple(REVIEWS)), expected)
    assert alike(reviews.predict(iter(REVIEWS)), expected)
    assert alike(reviews.predict(np.array(REVIEWS)), expected)
    assert alike(reviews.predict([{"review": text, "id": 7} for text in REVIEWS]), expected)
    assert alike(reviews.predict(REVIEWS[0]), expected[:1])
    assert alike(reviews.predict({"review": REVIEWS[0]}), expected[:1])
    assert alike(reviews.predict([{"text": REVIEWS[0]}, REVIEWS[1], {"review": REVIEWS[2]}]), expected[:3])
    assert alike(reviews.predict({"text": REVIEWS[1], "review": REVIEWS[0]}), expected[1:2])  # the field's name wins


def test_a_name_of_a_file_is_a_file_and_never_a_text(reviews: Predictor, tmp_path: Path) -> None:
    (tmp_path / "new.csv").write_text("text\ngood\nbad\n")
    expected = reviews.predict(["good", "bad"])
    for given in (tmp_path / "new.csv", str(tmp_path / "new.csv")):
        assert alike(reviews.predict(given), expected)
    for gone in (tmp_path / "gone", "gone.csv", "./gone", str(tmp_path / "gone")):
        with pytest.raises(UserError, match="no such file"):
            reviews.predict(gone)
    assert len(reviews.predict("It was good. Very.good")) == 1
    assert len(reviews.predict("x" * 5000)) == 1
    assert len(reviews.predict(["gone.csv"])) == 1  # in a list, each text is a record


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_a_frame_is_answered_as_its_records(library: str, reviews: Predictor, table: Predictor) -> None:
    frames = pytest.importorskip(library, reason=f"needs {library}")
    expected = reviews.predict(REVIEWS)
    for name in ("review", "text"):
        assert alike(reviews.predict(frames.DataFrame({"id": [1, 2, 3, 4], name: REVIEWS})), expected)
    assert alike(reviews.predict(frames.DataFrame({"review": REVIEWS})["review"]), expected)
    rows: list[dict[str, Any]] = [{"x": 1.5, "kind": "u"}, {"x": None, "kind": "v"}, {"x": 3.0, "kind": None}]
    assert alike(table.predict(frames.DataFrame(rows)), table.predict(rows))
    with pytest.raises(UserError, match="the data has no columns 'x', 'kind' for the field 'table'"):
        table.predict(frames.DataFrame({"y": [1]}))


def test_rows_of_numbers_are_the_columns_in_their_order(table: Predictor) -> None:
    expected = table.predict([{"x": 1.5, "kind": "u"}, {"x": 2.0, "kind": "v"}])
    assert alike(table.predict([[1.5, "u"], (2.0, "v")]), expected)
    assert alike(table.predict(np.array([[1.5, "u"], [2.0, "v"]], object)), expected)
    assert alike(table.predict(np.array([1.5, "u"], object)), expected[:1])
    with pytest.raises(UserError, match="no row of the table") as caught:
        table.predict([[1.5]])
    assert "in this order: x, kind" in caught.value.expected


def test_all_that_a_record_lacks_is_said_at_once(table: Predictor, trained: Trained) -> None:
    with pytest.raises(UserError, match="the fields 'x', 'kind' are missing; the record has X, y; call 'X' 'x'"):
        table.predict([{"X": 1, "y": 2}])
    answering = load(trained("question-answering"))
    with pytest.raises(UserError, match="the fields 'question', 'context' are missing"):
        answering.predict([{"text": "a"}])
    with pytest.raises(UserError, match="this is no record") as caught:
        answering.predict(["a"])
    assert caught.value.fix == 'model.predict([{"question": ..., "context": ...}])'
    with pytest.raises(UserError, match="the field 'prompt' is missing; the record has promt; call 'promt' 'prompt'"):
        load(trained("text-generation")).predict({"promt": "To be"})


def test_answers_keep_their_places_where_bad_records_are_skipped(table: Predictor, trained: Trained) -> None:
    rows = [{"x": 1, "kind": "u"}, {"x": "broken", "kind": "u"}, {"kind": "u"}, {"x": 2, "kind": "v"}]
    answers = table.predict(rows, on_bad="skip")
    assert [one.value is None for one in answers] == [False, True, True, False]
    assert "'broken'" in answers[1].reason
    assert answers[2].reason.startswith("the field 'x' is missing")
    assert answers[2].as_json() == {"error": answers[2].reason}
    assert alike([answers[0], answers[3]], table.predict([rows[0], rows[3]]))
    for bad, place in ((rows, 1), (rows[:1] + rows[2:], 1), (rows[2:], 0)):
        with pytest.raises(UserError) as caught:
            table.predict(bad)
        assert caught.value.where == f"record {place}"
    assert table.predict([]) == []


def test_a_picture_is_given_in_any_form(trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = load(trained("image-classification"))
    (tmp_path / "a.png").write_bytes(png(PICTURE))
    monkeypatch.chdir(tmp_path)
    (expected,) = model.predict([{"image": png(PICTURE)}])
    forms: list[Any] = [PICTURE, png(PICTURE), Image.fromarray(PICTURE), "a.png", Path("a.png"), tmp_path / "a.png"]
    for form in forms:
        assert model.predict(form) == [expected]
        assert model.predict([form, {"image": form}]) == [expected] * 2
    assert model.predict(str(tmp_path)) == [expected]
    assert model.predict(np.stack([PICTURE] * 3)) == [expected] * 3
    assert model.predict(np.stack([PICTURE] * 3, 2)) == model.predict([np.stack([PICTURE] * 3, 2)])
    answers = model.predict(["gone.png", PICTURE], on_bad="skip")
    assert answers[1] == expected
    assert "gone.png" in answers[0].reason
    with pytest.raises(UserError, match="absolute path"):
        model.predict([{"image": str(tmp_path / "a.png")}], root=tmp_path)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "I", "I;16", "F", "HSV"])
def test_a_picture_of_pillow_is_seen_as_its_file_is(mode: str) -> None:
    from noria.vision.pictures import read_picture
    from noria.vision.pillow import picture_file

    generator = np.random.default_rng(0)
    plain = Image.fromarray(generator.integers(0, 255, (8, 9, 3)).astype(np.uint8))
    picture = Image.fromarray(np.full((8, 9), 40_000, np.uint16)) if mode == "I;16" else plain.convert(mode)
    seen = read_picture(picture_file(picture))
    assert seen.shape[:2] == (8, 9)
    if mode in ("L", "RGB"):
        assert np.array_equal(seen, np.asarray(picture))
    if mode == "I;16":
        assert (seen == 155).all()


def test_a_turned_photo_is_turned_whether_it_is_opened_or_named() -> None:
    from noria.vision.pictures import read_picture
    from noria.vision.pillow import picture_file

    photo = Image.fromarray(np.arange(60).reshape(6, 10).astype(np.uint8))
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by 90 degrees
    buffer = io.BytesIO()
    photo.save(buffer, "PNG", exif=exif)
    named, opened = read_picture(buffer.getvalue()), read_picture(picture_file(Image.open(buffer)))
    assert named.shape == (10, 6)
    assert np.array_equal(named, opened)


def test_what_becomes_of_bad_records_is_one_of_two_things(reviews: Predictor) -> None:
    with pytest.raises(UserError, match="on_bad") as caught:
        reviews.predict("good", on_bad="ignore")  # type: ignore[arg-type]
    assert caught.value.expected == "raise or skip"


def test_what_is_not_read_of_a_folder_is_said(trained: Trained, tmp_path: Path, capsys: Any) -> None:
    (tmp_path / "a.png").write_bytes(png(PICTURE))
    (tmp_path / "notes.md").write_text("of the photographer")
    assert len(load(trained("image-classification")).predict(tmp_path)) == 1
    assert "not read, as they stand beside the data: notes.md" in capsys.readouterr().err


def test_a_model_and_its_answers_print_what_they_are(reviews: Predictor) -> None:
    assert repr(reviews).startswith("<text-classification from ")
    assert repr(reviews).endswith(": text -> label>")
    assert repr(reviews.predict("good")[0]).startswith("Prediction(value=")
