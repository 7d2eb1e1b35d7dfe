"""The generated pages are what the code says now. To mend a failure: python tools/docs.py"""

from __future__ import annotations

import importlib.util
import re

import pytest

from docs.markdown import ROOT
from noria.contract import registry
from noria.contract.settings import lines_of, settings_of
from noria.job import Job
from noria.job.data import Split


@pytest.fixture(scope="module")
def generator():
    spec = importlib.util.spec_from_file_location("noria_docs_tool", ROOT / "tools" / "docs.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_committed_pages_are_up_to_date(generator):
    assert generator.stale() == [], "write them again: python tools/docs.py"


def test_there_is_a_page_for_every_task(generator):
    pages = generator.pages()
    assert len(registry.names("tasks")) >= 3
    for name in registry.names("tasks"):
        page = pages[f"docs/tasks/{name}.md"]
        assert all(f"\n## {title}" in page for title in ("Input", "Answer", "Example record", "Metrics", "Job", "HTTP"))


def test_every_key_of_the_job_file_has_its_row_with_its_line(generator):
    page = generator.pages()["docs/reference/job.md"]
    rows = rows_of(page)
    sections = {name: field.annotation for name, field in Job.model_fields.items()} | {"data.split": Split}
    expected = {
        f"{prefix}.{field.alias or name}": lines_of(model)[name]
        for prefix, model in sections.items()
        for name, field in getattr(model, "model_fields", {}).items()
    }
    assert len(expected) > 60
    assert {key: rows[key][-1] for key in expected} == expected


@pytest.mark.parametrize("name", registry.names("tasks"))
def test_every_setting_of_a_task_has_its_row_with_its_line(generator, name):
    task = registry.task(name)
    rows = rows_of(generator.pages()[f"docs/tasks/{name}.md"])
    parts = {f"inputs.{field}": one for field, one in task.inputs.items()} | {"target": task.target}
    expected = {f"{path}.{one.name}": one.line for path, part in parts.items() for one in settings_of(part)}
    assert {key: cells[-1] for key, cells in rows.items() if key.startswith(("inputs.", "target."))} == expected
    assert all(expected.values())


def rows_of(page):
    """The rows of a page's tables whose first cell is code: what it says -> the other cells."""
    found = re.findall(r"^\| `([\w.]+)` \| (.*) \|$", page, re.M)
    return {name: [cell.replace("\\|", "|") for cell in re.split(r"(?<!\\) \| ", rest)] for name, rest in found}


def test_every_file_of_the_package_is_in_the_map_and_says_what_it_is_for(generator):
    page = generator.pages()["docs/reference/map.md"]
    files = [path for path in (ROOT / "src" / "noria").rglob("*.py") if path.name != "__init__.py"]
    assert len(files) >= 90
    for path in files:
        assert f"| `{path.name}` | " in page
        assert generator.purpose(path), path


def test_the_strings_of_the_pages_are_all_that_a_catalogue_must_hold(generator):
    found = generator.strings()
    assert len(found) == len(set(found)) > 500
    components = [
        registry.component_class(kind, name) for kind in ("modalities", "targets") for name in registry.names(kind)
    ]
    shown = {one.line for task in map(registry.task, registry.names("tasks")) for one in settings_of(task.target)}
    assert shown <= {one.line for holder in components for one in settings_of(holder)}
    assert shown <= set(found)
    assert set(lines_of(Split).values()) <= set(found)
    assert {"setting", "type", "default", "what it does", "whole number or null", "Tasks"} <= set(found)
    assert {
        (registry.component_class("tasks", name).__doc__ or "").split("\n")[0] for name in registry.names("tasks")
    } <= set(found)


def test_with_a_whole_catalogue_the_chinese_pages_hold_no_english_but_code(generator):
    made = generator.pages(dict.fromkeys(generator.strings(), "字"))
    english = {path for path in made if not path.startswith("docs/zh/")}
    assert {path.replace("docs/", "docs/zh/", 1) for path in english} == made.keys() - english
    for path in made.keys() - english:
        text = re.sub(r"^```.*?^```$|`[^`\n]*`|<!--.*?-->|^## noria .*$", "", made[path], flags=re.M | re.S)
        assert re.findall(r"[A-Za-z]{2,}[,.]? [A-Za-z]{2,}", text) == [], path


def test_a_text_that_the_catalogue_lacks_stands_in_english_and_is_named(generator):
    words = {one: "\u5b57" for one in generator.strings() if one != "Example record"} | {"No page says this.": "\u5b57"}
    assert generator.missing(words) == ["Example record"]
    assert generator.unused(words) == ["No page says this."]
    assert "\n## Example record\n" in generator.pages(words)["docs/zh/tasks/chat.md"]


def test_a_bar_in_a_translated_cell_stays_within_its_cell(generator):
    table = generator._table(["type"], [[generator._t("a|b")]])
    assert generator.rendered(table, lambda one: one.replace("a|b", "c|d")).endswith("| c\\|d |")


def test_english_pages_do_not_depend_on_the_catalogue_and_hold_no_marks(generator):
    plain = {path: text for path, text in generator.pages().items() if not path.startswith("docs/zh/")}
    assert plain == {path: generator.pages({"Tasks": "\u5b57"})[path] for path in plain}
    assert not any(mark in text for text in plain.values() for mark in (generator.BEGIN, generator.END))


def test_the_catalogue_is_whole_where_there_is_one(generator):
    words = generator.catalogue()
    if words is not None:
        assert generator.missing(words) == [], "python tools/docs.py --missing prints them"
        assert generator.unused(words) == []
