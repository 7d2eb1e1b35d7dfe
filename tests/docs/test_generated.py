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
