"""The job file: every mistake is told with file, line and the nearest right word, all of them at once."""

from __future__ import annotations

import re
from contextlib import suppress

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from noria.contract import registry
from noria.contract.settings import lines_of, settings_of
from noria.errors import UserError, UserErrors
from noria.job import Evaluate, Job, Model
from noria.job.data import Split
from noria.job.load import load_job, shipped_jobs
from noria.job.removed import REMOVED_KEYS
from noria.job.renamed import RENAMED_KEYS, with_new_names
from noria.modalities.image.settings import ImageSettings

GOOD = "task: image-classification\ndata: {path: photos.csv}\ntrain: {epochs: 2}\n"


def write(folder, text):
    path = folder / "job.yaml"
    path.write_text(text, "utf-8")
    return path


def problem(folder, text, *overrides):
    with pytest.raises(UserError) as caught:
        load_job(write(folder, text), overrides)
    return str(caught.value)


def test_an_unknown_key_is_told_with_its_line_and_the_nearest_right_word(tmp_path):
    text = problem(tmp_path, GOOD + "evaluate:\n  slces: [gender]\n")
    assert "job.yaml:5 evaluate.slces: unknown key" in text
    assert "did you mean 'slices'?" in text


def test_an_unknown_key_in_an_optional_section_is_told_too(tmp_path):
    text = problem(tmp_path, "task: image-classification\ndata:\n  fetch: {name: x, files: {}, fils: 1}\n")
    assert "job.yaml:3 data.fetch.fils: unknown key" in text
    assert "did you mean 'files'?" in text


def test_a_wrong_type_is_told_with_what_was_expected_and_found(tmp_path):
    text = problem(tmp_path, GOOD.replace("epochs: 2", "epochs: many"))
    assert "job.yaml:3 train.epochs: wrong value" in text
    assert "valid number" in text
    assert "'many'" in text


def test_a_wrong_value_is_told_with_what_the_setting_means(tmp_path):
    text = problem(tmp_path, "task: image-classification\ninputs: {image: {patch: big}}\ndata: {split: {test: 5}}\n")
    assert f"\n  meaning: {lines_of(ImageSettings)['patch']}\n" in text
    assert text.endswith(f"\n  meaning: {lines_of(Split)['test']}")


def test_an_unknown_key_is_told_with_what_the_nearest_one_means(tmp_path):
    text = problem(tmp_path, GOOD + "inputs: {image: {ptch: 2}}\nevaluate: {slces: [a]}\nmodel: {fro: x}\n")
    assert f"did you mean 'patch'?\n  meaning: patch: {lines_of(ImageSettings)['patch']}\n" in text
    assert f"did you mean 'slices'?\n  meaning: slices: {lines_of(Evaluate)['slices']}" in text
    assert f"did you mean 'from'?\n  meaning: from: {lines_of(Model)['from_']}" in text
    assert "meaning" not in problem(tmp_path, GOOD + "evaluate: {zzzz: 1}\n")


def test_a_key_by_its_old_name_is_told_with_what_the_new_one_means(tmp_path):
    text = problem(tmp_path, GOOD + "evaluate: {against: runs/a}\n")
    assert f"it is now called evaluate.compare_to\n  meaning: compare_to: {lines_of(Evaluate)['compare_to']}" in text


def test_what_a_component_objects_to_is_told_with_its_place_and_meaning_beside_all_else(tmp_path):
    text = problem(tmp_path, GOOD + "inputs:\n  image: {overlap: 2, erase: x}\nevaluate: {slces: 1}\n")
    assert "job.yaml:5 inputs.image.erase: wrong value" in text
    text = problem(tmp_path, GOOD + "inputs:\n  image: {overlap: 2}\nevaluate: {slces: 1}\n")
    assert text.startswith("2 problems")
    assert "job.yaml:5 inputs.image.overlap: a picture cannot have this overlap" in text
    assert f"\n  meaning: {lines_of(ImageSettings)['overlap']}\n" in text


def test_a_rule_between_settings_names_those_that_the_job_gives_with_their_meaning(tmp_path):
    job = "task: series-classification\ndata: {path: a}\ninputs: {series: {cut: 0.7, kernel: 3}}\n"
    text = problem(tmp_path, job)
    assert "\n  found: cut=0.7\n" in text
    assert text.endswith(f"\n  meaning: cut: {lines_of(registry.component_class('modalities', 'series'))['cut']}")


def test_several_problems_come_at_once(tmp_path):
    with pytest.raises(UserErrors) as caught:
        load_job(
            write(
                tmp_path,
                "task: image-classification\ntrian: {epochs: 2}\ninputs:\n  image: {stm: patches, patch: big}\n"
                "  picture: {}\ntarget: {smoothing: 0.1, smothing: 1}\ntrain:\n  epochs: -1\n  seed: x\n",
            )
        )
    text = str(caught.value)
    assert len(caught.value.problems) == 7
    assert text.startswith("7 problems")
    for expected in (
        "job.yaml:2 trian: unknown key",
        "job.yaml:4 inputs.image.stm: unknown key",
        "job.yaml:4 inputs.image.patch: wrong value",
        "job.yaml:5 inputs.picture: unknown input",
        "job.yaml:6 target.smothing: unknown key",
        "job.yaml:8 train.epochs: wrong value",
        "job.yaml:9 train.seed: wrong value",
    ):
        assert expected in text


@pytest.mark.parametrize("section", ["data", "data.fields", "inputs", "inputs.image", "target", "model", "train"])
@pytest.mark.parametrize("value", [5, "text", [1, 2], True])
def test_a_value_in_the_place_of_a_section_is_told(tmp_path, section, value):
    content = {"task": "image-classification"}
    branch = content
    *above, last = section.split(".")
    for key in above:
        branch = branch.setdefault(key, {})
    branch[last] = value
    text = problem(tmp_path, yaml.safe_dump(content, sort_keys=False))
    assert f" {section}: wrong value" in text
    assert "job.yaml:2" in text or "job.yaml:3" in text


def test_an_override_wins_over_the_file_and_is_named_where_it_is_wrong(tmp_path):
    job, _ = load_job(write(tmp_path, GOOD), ["train.seed=7", "data.path=other.csv", "inputs.image.patch=8"])
    assert (job.train.seed, job.data.path, job.train.epochs) == (7, "other.csv", 2)
    assert job.inputs["image"]["patch"] == 8
    assert "train.seed= on the command line: wrong value" in problem(tmp_path, GOOD, "train.seed=x")


def test_tables_without_a_header_and_the_order_of_records_may_be_said(tmp_path):
    given = ["data.columns=[text, label]", "data.splits={train: dev.txt, test: test.txt}", "data.split.order=true"]
    job, _ = load_job(write(tmp_path, GOOD), given)
    assert job.data.columns == ["text", "label"]
    assert job.data.splits == {"train": "dev.txt", "test": "test.txt"}
    assert job.data.split.order
    assert "order or group" in problem(tmp_path, GOOD, "data.split={order: true, group: patient}")
    assert "data.columns= on the command line: wrong value" in problem(tmp_path, GOOD, "data.columns=[]")


def test_a_setting_of_an_override_reaches_the_spoke(tmp_path):
    _, task = load_job(write(tmp_path, GOOD), ["inputs.image.patch=8", "target.smoothing=0.25"])
    assert task.inputs["image"].patch == 8
    assert task.target.smoothing == 0.25


def test_a_budget_in_an_override_replaces_that_of_the_file(tmp_path):
    job, _ = load_job(write(tmp_path, GOOD), ["train.minutes=1"])
    assert (job.train.minutes, job.train.epochs) == (1, None)
    text = problem(tmp_path, GOOD, "train.minutes=1", "train.steps=5")
    assert "one budget" in text
    assert "minutes, steps" in text


@pytest.mark.parametrize("override", ["train.seed", "=5", "train seed=5", "train.seed=[1", "train.seed=2020-13-45"])
def test_an_override_that_cannot_be_read_is_told(tmp_path, override):
    assert "override" in problem(tmp_path, GOOD, override)


def test_overrides_that_contradict_each_other_are_told(tmp_path):
    assert "contradicts" in problem(tmp_path, GOOD, "train=5", "train.seed=1")


def test_broken_yaml_is_told_with_its_line(tmp_path):
    assert problem(tmp_path, "task: x\ntrain: [1, 2\n").startswith("job.yaml:3: this is not valid YAML")


@pytest.mark.parametrize("text", ["", "just words", "[1, 2]", "5"])
def test_a_file_that_is_no_mapping_is_told(tmp_path, text):
    assert "a job file is a mapping of keys" in problem(tmp_path, text)


def test_a_file_that_is_no_text_is_told(tmp_path):
    path = tmp_path / "job.yaml"
    path.write_bytes(b"task: \xff\xfe")
    with pytest.raises(UserError, match="UTF-8"):
        load_job(path)


def test_an_unknown_task_is_told_with_its_line_and_the_nearest_one(tmp_path):
    text = problem(tmp_path, "data: {}\ntask: image-clasification\n")
    assert "job.yaml:2 task: there is no task named 'image-clasification'" in text
    assert "did you mean 'image-classification'?" in text


@pytest.mark.parametrize("text", ["data: {}\n", "task: 5\n", "task: [a]\n"])
def test_a_job_without_a_task_is_told(tmp_path, text):
    assert "names no task" in problem(tmp_path, text)


def test_a_field_that_the_task_does_not_have_is_told(tmp_path):
    text = problem(tmp_path, GOOD.replace("photos.csv", "photos.csv, fields: {imge: file}"))
    assert "task image-classification has no such field" in text
    assert "did you mean 'image'?" in text


def test_a_file_that_is_not_there_is_told_with_the_nearest_shipped_job():
    with pytest.raises(UserError, match="did you mean 'digits'"):
        load_job("digit")


@pytest.mark.parametrize("value", [".inf", ".nan", "-.inf"])
def test_a_number_without_end_is_refused(tmp_path, value):
    assert "wrong value" in problem(tmp_path, GOOD.replace("epochs: 2", f"minutes: {value}"))


def test_all_shipped_jobs_are_valid_and_come_back_the_same_from_the_resolved_copy(tmp_path):
    jobs = shipped_jobs()
    assert len(jobs) >= 2
    for name in jobs:
        job, _ = load_job(name)
        job.save(tmp_path / "job.yaml")
        assert load_job(tmp_path / "job.yaml")[0] == job


@pytest.mark.parametrize("name", registry.names("tasks"))
def test_every_task_resolves_to_the_same_job_twice(tmp_path, name):
    job, task = load_job({"task": name, "train": {"learning_rate": 1e-05, "minutes": 0.5}})
    job.save(tmp_path / "job.yaml")
    again, same_task = load_job(tmp_path / "job.yaml")
    assert again == job
    assert same_task.inputs == task.inputs
    assert same_task.target == task.target


def test_a_mapping_is_a_job_too_and_is_not_changed():
    given = {"task": "image-classification", "train": {"steps": 5}}
    assert isinstance(load_job(given, ["train.seed=3"])[0], Job)
    assert given == {"task": "image-classification", "train": {"steps": 5}}


KEYS = st.sampled_from(
    ["task", "data", "inputs", "target", "model", "train", "evaluate", "path", "image", "steps", "x"]
)
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just("image-classification")
CONTENT = st.recursive(LEAVES, lambda below: st.lists(below, max_size=3) | st.dictionaries(KEYS, below, max_size=4))


@settings(max_examples=150, deadline=None, database=None)
@given(st.dictionaries(KEYS, CONTENT, max_size=6))
def test_whatever_stands_in_a_job_it_is_a_job_or_a_plain_error(content):
    with suppress(UserError):  # any other exception is a bug
        job, _ = load_job({"task": "image-classification", **content})
        assert job.task in registry.names("tasks")


@pytest.mark.parametrize("field", ["label", "text"])
def test_a_field_of_one_column_refuses_a_list_of_them_and_says_what_works(field):
    with pytest.raises(UserError, match=f"{field} is filled by one column") as caught:
        load_job({"task": "text-classification"}, [f"data.fields.{field}=[a, b]"])
    assert caught.value.found == "a, b"
    assert ("learnt together where the answer is `labels`" in caught.value.fix) == (field == "label")
    load_job({"task": "text-classification"}, [caught.value.fix.partition(",")[0]])


def test_a_renamed_key_is_told_under_its_new_name(tmp_path):
    text = problem(tmp_path, "task: image-classification\nevaluate:\n  against: runs/a\n")
    assert "job.yaml:3 evaluate.against: unknown key" in text
    assert "it is now called evaluate.compare_to" in text
    with pytest.raises(UserError, match=r"command line[^\0]*it is now called evaluate.compare_to"):
        load_job({"task": "image-classification"}, ["evaluate.against=runs/a"])


@pytest.mark.parametrize("task", registry.built_in("tasks"))
def test_a_new_name_is_told_only_where_the_component_has_it(task):
    fields = registry.task(task).inputs
    for key in {old.rpartition(".")[2] for old in RENAMED_KEYS if old.startswith("inputs.")}:
        for field, modality in fields.items():
            if key in settings_of_component(modality):
                continue
            with pytest.raises(UserError) as caught:
                load_job({"task": task, "inputs": {field: {key: 1}}})
            told = [one for one in getattr(caught.value, "problems", [caught.value]) if one.what == "unknown key"]
            for one in told:
                called = re.findall(r"it is now called (\S+)", one.fix)
                assert all(name.rpartition(".")[2] in settings_of_component(modality) for name in called), one


def settings_of_component(component):
    return {one.name for one in settings_of(component)}


def test_every_renamed_key_is_gone_and_its_new_name_is_there():
    for old, new in RENAMED_KEYS.items():
        assert with_new_names(nested(old, 1)) == nested(new, 1)
        assert with_new_names(nested(new, 1)) == nested(new, 1)


def test_new_names_reach_any_field_and_leave_the_rest_alone(monkeypatch):
    monkeypatch.setitem(RENAMED_KEYS, "inputs.*.lap", "inputs.*.overlap")
    given = {"inputs": {"a.b": {"lap": 1, "side": 2}, "c": {}}, "target": {"class_groups": {3: [4]}}, "model": None}
    expected = {**given, "inputs": {"a.b": {"overlap": 1, "side": 2}, "c": {}}}
    assert with_new_names(given) == expected


def nested(key, value):
    for part in reversed(key.split(".")):
        value = {part: value}
    return value


@pytest.mark.parametrize(
    ("key", "value"), [("kv_heads", 2), ("mlp", "swiglu"), ("experts", 4), ("full_every", 0), ("window", 64)]
)
def test_a_key_that_is_gone_is_told_with_the_page_that_says_why(tmp_path, key, value):
    told = problem(tmp_path, GOOD + f"model:\n  {key}: {value}\n")
    assert f"job.yaml:5 model.{key}: this setting is gone" in told
    assert "docs/variants.md" in told
    assert f"model.{key}= on the command line: this setting is gone" in problem(tmp_path, GOOD, f"model.{key}={value}")


def test_keys_that_are_gone_may_stand_with_the_value_that_every_model_has():
    left = {key.removeprefix("model."): removed.left for key, removed in REMOVED_KEYS.items()}
    assert len(left) == 5
    plain = load_job({"task": "image-classification"})[0]
    for model in (left, dict.fromkeys(left)):
        assert load_job({"task": "image-classification", "model": model})[0] == plain


def test_a_block_that_is_not_there_is_told_with_those_that_are(tmp_path):
    told = problem(tmp_path, GOOD + "model: {block: recurent}\n")
    assert "job.yaml:4 model.block: wrong value" in told
    assert "one of attention, conformer, recurrent, swiglu" in told


def test_a_key_that_stands_twice_is_told_with_its_line(tmp_path):
    told = problem(tmp_path, "task: image-classification\ndata: {path: a}\ndata: {path: b}\n")
    assert "job.yaml:3: this is not valid YAML" in told
    assert "the key 'data' stands twice" in told


@pytest.mark.parametrize("key", ["{{x}}: 1", "[1, 2]: 3", "? {a: b}\n: 1"])
def test_a_key_that_is_no_word_is_told_with_its_line(key, tmp_path):
    told = problem(tmp_path, f"task: image-classification\n{key}\n")
    assert "job.yaml:2: this is not valid YAML" in told
