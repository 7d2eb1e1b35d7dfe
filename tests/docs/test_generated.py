"""The generated pages are what the code says now. To mend a failure: python tools/docs.py"""

from __future__ import annotations

import importlib.util

import pytest

from docs.markdown import ROOT
from noria.contract import registry
from noria.job import Job


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


def test_every_key_of_the_job_file_has_its_row(generator):
    page = generator.pages()["docs/reference/job.md"]
    for section, field in Job.model_fields.items():
        keys = getattr(field.annotation, "model_fields", {})
        assert all(f"| `{section}.{key}` |" in page for key in keys)


def test_every_file_of_the_package_is_in_the_map_and_says_what_it_is_for(generator):
    page = generator.pages()["docs/reference/map.md"]
    files = [path for path in (ROOT / "src" / "noria").rglob("*.py") if path.name != "__init__.py"]
    assert len(files) >= 90
    for path in files:
        assert f"| `{path.name}` | " in page
        assert generator.purpose(path), path
