"""The whole page: safe, whole, deterministic, small, and written for every odd run."""

from __future__ import annotations

import json
from collections.abc import Callable
from html.parser import HTMLParser

import numpy as np
import pytest

from noria.types import Dataset
from report.conftest import Case, Cells
from report.reading import SVG, names, parsed, words

Make = Callable[..., Case]


def test_nothing_from_data_becomes_code(classes: Make) -> None:
    case = classes()
    case.report = {"warnings": ["<img src=x onerror=alert(2)>"], "notes": ['a "quoted" & bare note']}
    page = case.write()
    assert "<script" not in page
    assert "onerror=alert(2)>" not in page
    assert "<script>alert(1)</script>" in words(page)
    assert not names(page) & {"script", "iframe", "object", "b-here", "i-rooms"}
    assert all(not key.startswith("on") for element in parsed(page).iter() for key in element.attrib)


def test_chinese_names_are_shown_as_they_are(classes: Make) -> None:
    said = words(classes().write())
    assert "猫" in said
    assert "狗" in said
    assert "图片" in said
    assert "照片 <1>" in said


def test_the_arithmetic_of_a_training_stands_beside_what_the_machine_can_do(classes: Make) -> None:
    case = classes()
    assert "300 GFLOP, 10% of this machine's measured 50 GFLOP a second" in words(case.write())
    plan = case.run / "plan.json"
    old = {name: value for name, value in json.loads(plan.read_text()).items() if "operations" not in name}
    plan.write_text(json.dumps(old))
    assert "FLOP" not in words(case.write())


def test_what_utf8_cannot_hold_is_replaced(classes: Make) -> None:
    case = classes(names=["bell\x07", "odd\udcff"])
    assert "odd\ufffd" in words(case.write())


def test_the_page_is_well_formed_for_both_parsers(classes: Make) -> None:
    page = classes().write()
    root = parsed(page)
    assert root.tag == "html"
    HTMLParser(convert_charrefs=True).feed(page)
    ids = [element.get("id") for element in root.iter() if element.get("id")]
    assert len(ids) == len(set(ids))
    links = [element.get("href") for element in root.iter("a")]
    assert links == [f"#{one}" for one in ids]


def test_the_page_needs_nothing_from_elsewhere(classes: Make) -> None:
    root = parsed(classes().write())
    for element in root.iter():
        assert not {"srcset", "poster", "action"} & set(element.attrib)
        assert element.get("src", "data:").startswith("data:image/png;base64,") or "src" not in element.attrib
    style = "".join(root.find("head").find("style").itertext())  # type: ignore[union-attr]
    assert "url(" not in style
    assert "@import" not in style


def test_every_drawing_can_be_told_by_a_screen_reader(classes: Make) -> None:
    drawings = [one for one in parsed(classes().write()).iter(f"{SVG}svg") if one.get("role") == "img"]
    assert len(drawings) > 8
    for drawing in drawings:
        assert drawing[0].tag == f"{SVG}title"
        assert drawing[0].text
        assert drawing[1].tag == f"{SVG}desc"
        assert drawing[1].text


def test_the_same_run_gives_the_same_page(classes: Make) -> None:
    case = classes()
    assert case.write() == case.write()


def test_the_report_leaves_no_other_file(classes: Make) -> None:
    case = classes()
    before = set(case.run.iterdir())
    case.write()
    assert set(case.run.iterdir()) - before == {case.run / "report.html"}


def test_pictures_of_noise_stay_below_two_megabytes(classes: Make) -> None:
    assert len(classes(side=256, colors=3, n=40).write().encode()) < 2e6


def test_a_thousand_classes_stay_below_two_megabytes_and_say_what_is_shown(classes: Make) -> None:
    page = classes(names=[f"class {i:04d}" for i in range(1000)], n=500).write()
    assert len(page.encode()) < 2e6
    said = words(page)
    assert "30 of 1,000 classes are shown." in said
    assert "The 15 most and the 15 least frequent of 1,000 classes." in said


def test_a_run_without_validation_says_that_the_last_weights_were_taken(classes: Make) -> None:
    case = classes()
    del case.datasets["validation"]
    lines = [line for line in (case.run / "history.jsonl").read_text().splitlines() if "validation" not in line]
    (case.run / "history.jsonl").write_text("\n".join(lines))
    assert "Nothing was held out for validation" in words(case.write())


def test_a_run_folder_with_nothing_in_it_still_has_a_report(classes: Make) -> None:
    case = classes()
    for file in case.run.iterdir():
        file.unlink()
    said = words(case.write())
    assert "No history was written." in said
    assert "job.yaml is not in the run folder." in said


def test_a_score_that_cannot_be_computed_is_a_dash(classes: Make) -> None:
    case = classes()
    for name in case.metrics["metrics"]:
        case.metrics["metrics"][name] |= {"value": None, "low": None, "high": None}
        case.metrics["baseline"][name] |= {"value": None, "low": None, "high": None}
    said = words(case.write())
    assert "cannot be computed on these records" in said
    assert "None" not in said.replace("None.", "")


@pytest.mark.parametrize("n", [1, 2, 5])
def test_a_very_small_test_set_is_called_small(classes: Make, n: int) -> None:
    said = words(classes(n=n).write())
    assert f"Only {n} record{'' if n == 1 else 's'}: the score can be far off." in said


@pytest.mark.parametrize("split", ["test", "validation", "train"])
def test_the_headline_says_which_records_were_scored(classes: Make, split: str) -> None:
    said = words(classes(split=split).write())
    told = {"test": "that training never saw", "validation": "chose the weights", "train": "nothing about new ones"}
    assert told[split] in said


def test_two_classes_are_shown_with_their_auc(classes: Make) -> None:
    assert "auc" in words(classes(names=["no", "yes"]).write())


def test_a_regression_shows_cells_truth_and_answer(numbers: Case) -> None:
    said = words(numbers.write())
    assert "Truth and answer" in said
    assert "<i>rooms</i>" in said
    assert "上海" in said
    assert "Answers in training" in said
    assert "wrong" not in said
    assert "The 24 records with the highest mae, worst first." in said


def test_a_text_is_shown_as_text(numbers: Case) -> None:
    numbers.inputs = {"text": Cells("long & <strong>bold</strong> " * 100)}
    numbers.input_states = {"text": {}}
    numbers.datasets = {
        split: Dataset({"text": one.inputs["table"]}, one.target, places=one.places)
        for split, one in numbers.datasets.items()
    }
    said = words(numbers.write())
    assert "<strong>bold</strong>" in said
    assert "…" in said


def test_quarantined_records_are_counted_with_their_reasons(classes: Make) -> None:
    case = classes()
    case.report = {
        "quarantined": 12,
        "reasons": {"the picture is broken": 12},
        "quarantine": [{"where": f"<b>{i}.png", "reason": "the picture is broken: <eof>"} for i in range(12)],
    }
    said = words(case.write())
    assert "12 records could not be used" in said
    assert "<b>0.png" in said
    assert "The first 10; all are in quarantine.jsonl" in said


def test_slices_are_drawn_with_what_is_too_small(classes: Make) -> None:
    case = classes()
    found = {"accuracy": {"value": 0.5, "low": 0.2, "high": 0.8, "unit": "fraction", "direction": "higher"}}
    case.metrics["slices"] = {"gender <g>": {"女": {"n": 7, "is_small": True, "metrics": found}}, "empty": {}}
    said = words(case.write())
    assert "accuracy by gender <g>" in said
    assert "n=7 few" in said


def test_seconds_of_a_resumed_training_are_added_up(classes: Make) -> None:
    assert "30 steps in 1 min 00 s." in words(classes().write())


def test_outputs_at_hand_are_not_computed_again(classes: Make) -> None:
    case = classes()
    computed = case.write()
    assert case.times_computed == 1
    assert case.write(case.outputs) == computed
    assert case.times_computed == 1


def test_scores_that_are_not_numbers_are_never_the_worst(classes: Make) -> None:
    case = classes(n=10)
    case.outputs["logits"][3] = np.nan
    page = case.write()
    assert page.count("<article") == 9
    assert "nan" not in words(page)


def test_the_ring_stands_on_the_metric_that_chose_the_weights(classes: Make) -> None:
    case = classes()
    by_first = words(case.write())
    case.best_by = "log_loss"
    by_loss = words(case.write())
    assert "The weights at the ring were kept" in by_first
    assert "The weights at the ring were kept" in by_loss
    assert by_first != by_loss
