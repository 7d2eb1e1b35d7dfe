"""The generated pages are what the code says now. To mend a failure: python tools/docs.py"""

from __future__ import annotations

import importlib.util
import io
import re
from collections import Counter

import pytest
import typer
import yaml

from docs.markdown import ROOT
from noria import cli
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


def shown_name(argument):
    """Return the name of an argument as the page spells it."""
    return argument.metavar.removesuffix("...") if argument.metavar else argument.name


def test_every_command_has_its_row_and_its_table_of_options(generator):
    page = generator.pages()["docs/reference/cli.md"]
    sections = dict(re.findall(r"^## noria (\w+)\n(.*?)(?=^## )", page, re.M | re.S))
    group = typer.main.get_command(cli.app)
    assert list(sections) == list(group.commands)
    for name, command in group.commands.items():
        assert f"| [{name}](#noria-{name}) | {command.help} |" in page
        rows = re.findall(r"^\| `(.+?)` \| .* \| (.+) \|$", sections[name], re.M)
        shown = [one for one in command.params if not one.hidden]
        assert [line for _, line in rows] == [one.help for one in shown]
        spelt = [one.opts[0] if one.param_type_name == "option" else shown_name(one) for one in shown]
        assert [left.split()[0].removesuffix("...") for left, _ in rows] == spelt


def test_a_default_is_shown_as_a_value_or_that_there_is_none(generator):
    page = generator.pages()["docs/reference/cli.md"]
    assert "\n| `--port <int>` | `8000` | " in page
    assert "--key <" not in page  # which is there only to be refused
    assert "\n| `run <path>` | required | " in page
    assert "\n| `--json` |  | " in page


def rows_of(page):
    """The rows of a page's tables whose first cell is code: what it says -> the other cells."""
    found = re.findall(r"^\| `([\w.]+)` \| (.*) \|$", page, re.M)
    return {name: [cell.replace("\\|", "|") for cell in re.split(r"(?<!\\) \| ", rest)] for name, rest in found}


def test_every_file_of_the_package_is_in_the_map_and_says_what_it_is_for(generator):
    page = generator.pages()["docs/reference/map.md"]
    kinds = (".py", ".yaml", ".css", ".html", ".js")
    found = [path for path in (ROOT / "src" / "noria").rglob("*") if path.suffix in kinds]
    files = [path for path in found if path.name != "__init__.py"]
    assert len(files) >= 400
    assert "doctype" not in page
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


def test_a_text_to_fill_in_stands_below_the_translation_of_the_one_it_replaces(generator):
    words = dict.fromkeys(generator.strings(), "\u5b57")
    assert generator.to_fill(words) == ""
    del words["Example record"]
    words["Example records"] = "\u4f8b"
    assert generator.to_fill(words) == "# \u4f8b\nExample record: ''\n"


def test_filling_adds_what_is_new_in_the_order_of_the_pages_and_drops_what_no_page_says(
    generator, monkeypatch, tmp_path
):
    words = dict.fromkeys(generator.strings(), "\u5b57")
    old = {one: text for one, text in words.items() if one != "Example record"} | {"No page says this.": "\u5b57"}
    monkeypatch.setattr(generator, "CATALOGUE", tmp_path / "strings.yaml")
    generator.CATALOGUE.write_text(generator.as_yaml(old), "utf-8")
    monkeypatch.setattr("sys.argv", ["docs.py", "--fill"])
    monkeypatch.setattr("sys.stdin", io.StringIO("Example record: \u4f8b\nMetrics: ''\n"))
    assert generator.main() == 0
    expected = words | {"Example record": "\u4f8b"}
    assert list(yaml.safe_load(generator.CATALOGUE.read_text("utf-8")).items()) == list(expected.items())


def test_no_space_follows_a_full_width_sign_but_that_before_a_bar(generator):
    marked = f"{generator._t('a:')} `code` {generator._t('b')} c | {generator._t('d.')} |"
    chinese = {"a:": "\u7532\uff1a", "b": "\u4e59", "d.": "\u4e01\u3002"}
    assert generator.rendered(marked, chinese.__getitem__) == "\u7532\uff1a`code` \u4e59 c | \u4e01\u3002 |"
    assert generator.rendered(marked, lambda one: one) == "a: `code` b c | d. |"


def test_english_pages_do_not_depend_on_the_catalogue_and_hold_no_marks(generator):
    plain = {path: text for path, text in generator.pages().items() if not path.startswith("docs/zh/")}
    assert plain == {path: generator.pages({"Tasks": "\u5b57"})[path] for path in plain}
    assert not any(mark in text for text in plain.values() for mark in (generator.BEGIN, generator.END))


def test_the_catalogue_is_whole(generator):
    words = generator.catalogue()
    assert generator.missing(words) == [], "python tools/docs.py --missing prints them"
    assert generator.unused(words) == [], "python tools/docs.py --fill < /dev/null drops them"


def test_a_chinese_text_is_chinese_and_keeps_code_numbers_and_files(generator):
    assert {one: found for one, text in generator.catalogue().items() if (found := faults(one, text))} == {}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("\u53d6 `max`\uff0c\u4e0a\u9650 1,200\uff0c\u89c1 loop.py", []),
        ("\u53d6 `min`\uff0c\u4e0a\u9650 1,200\uff0c\u89c1 loop.py", ["code"]),
        ("\u53d6 `max`\uff0c\u4e0a\u9650 1200\uff0c\u89c1 loop.py", ["numbers"]),
        ("\u53d6 `max`\uff0c\u4e0a\u9650 1,200\uff0c\u89c1 plan.py", ["files"]),
        ("Take `max`, at most 1,200, see loop.py", ["no Chinese"]),
    ],
)
def test_a_translation_that_changes_what_must_stay_is_told_so(text, found):
    assert faults("Take `max`, at most 1,200, see loop.py", text) == found


UNITS = {"nats", "nats per token"}  # which have no other sign in Chinese
KEPT = {
    "code": re.compile(r"`[^`]+`"),
    "numbers": re.compile(r"\d[\d,.]*\d|\d"),
    "files": re.compile(r"[\w/]+\.(?:py|yaml|md|jsonl?|html|css|csv)\b", re.A),
}


def faults(english, chinese):
    """What is wrong with a translation. A text of nothing but code or names in capitals may stay as it is."""
    found = [what for what, one in KEPT.items() if Counter(one.findall(english)) != Counter(one.findall(chinese))]
    has_words = re.search(r"[a-z]{2,}", KEPT["code"].sub("", english))
    if has_words and english not in UNITS and not re.search(r"[\u4e00-\u9fff]", chinese):
        found.append("no Chinese")
    return found
