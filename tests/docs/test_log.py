"""The log: every entry says its date, its conclusion first, question and figures; the index has every one of them."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest

from docs.markdown import ROOT, headings, links

LOG = ROOT / "docs" / "log"
ENTRIES = sorted(path for path in LOG.glob("*.md") if path.name != "index.md")
NAME = re.compile(r"(\d{4}-\d{2}-\d{2})-[a-z0-9]+(?:-[a-z0-9]+)*\.md")
ROW = re.compile(r"^\| (\S+) \| \[(.+)\]\((\S+)\) \| ([a-z]+) \|$", re.M)
SENTENCE = re.compile(r"# \S+(?: \S+){3,} \S*\w\)?\.")  # five words at least, and a full stop
SECTIONS = ["Question", "Figures", "Conclusion"]
AREAS = {
    *(
        "architecture",
        "batches",
        "contract",
        "dependencies",
        "drift",
        "evaluation",
        "generation",
        "images",
        "reports",
        "series",
        "service",
    ),
    *("ledger", "molecules", "recommendation", "sound", "sources", "speed", "tables", "text", "training", "trunk"),
}


def conclusion(path: Path) -> str:
    return path.read_text("utf-8").splitlines()[0].removeprefix("# ")


def rows() -> list[tuple[str, ...]]:
    """The rows of the index: date, conclusion, file, area."""
    return ROW.findall((LOG / "index.md").read_text("utf-8").split("## Entries")[1])


def faults(name: str, text: str) -> list[str]:
    """What an entry lacks."""
    first = text.splitlines()[0] if text else ""
    named = NAME.fullmatch(name)
    found = []
    if not named:
        found.append("no date and topic in its name")
    elif not is_date(named[1]):
        found.append("no such day")
    if not SENTENCE.fullmatch(first):
        found.append("its first line is no sentence")
    if [title for level, title in headings(text) if level == 2] != SECTIONS:
        found.append("other sections")
    parts = re.split(r"^## .*$", text, flags=re.M)[1:]
    if not all(part.strip() for part in parts):
        found.append("an empty section")
    return found


def is_date(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def test_the_log_has_its_entries():
    assert len(ENTRIES) >= 56


@pytest.mark.parametrize("path", ENTRIES, ids=lambda path: path.stem)
def test_an_entry_has_a_date_in_its_name_a_conclusion_first_and_its_sections(path):
    assert faults(path.name, path.read_text("utf-8")) == []


def test_the_index_has_every_entry_with_its_date_and_conclusion():
    expected = sorted((path.name[:10], conclusion(path), path.name) for path in ENTRIES)
    assert sorted(row[:3] for row in rows()) == expected


def test_the_index_is_newest_first_and_knows_the_areas():
    dates = [row[0] for row in rows()]
    assert dates == sorted(dates, reverse=True)
    assert {row[3] for row in rows()} <= AREAS


def test_every_line_of_the_index_below_its_heading_is_a_row():
    table = (LOG / "index.md").read_text("utf-8").split("## Entries")[1].strip().splitlines()
    assert len(table) - 2 == len(rows())


def test_entries_that_the_code_and_other_pages_name_exist():
    files = [*(ROOT / "src").rglob("*.py"), *(ROOT / "docs").rglob("*.md"), *ROOT.glob("*.md")]
    named = {name for path in files for name in re.findall(r"docs/log/([\w-]+\.md)", path.read_text("utf-8"))}
    assert len(named) >= 5
    assert [name for name in sorted(named) if not (LOG / name).exists()] == []


@pytest.mark.parametrize("path", ENTRIES, ids=lambda path: path.stem)
def test_links_of_an_entry_lead_to_other_entries_or_pages(path):
    targets = [link.partition("#")[0] for link in links(path.read_text("utf-8"))]
    assert [link for link in targets if not (LOG / link).is_file()] == []


FIRST = "# Pooling by slices is five times as slow."
WHOLE = f"{FIRST}\n\n## Question\n\nWhich?\n\n## Figures\n\n5.\n\n## Conclusion\n\nNo.\n"


def test_an_entry_that_has_everything_has_no_faults():
    assert faults("2026-11-23-pooling.md", WHOLE) == []


@pytest.mark.parametrize(
    ("name", "text", "fault"),
    [
        ("pooling.md", WHOLE, "no date and topic in its name"),
        ("2026-11-23.md", WHOLE, "no date and topic in its name"),
        ("2026-02-30-pooling.md", WHOLE, "no such day"),
        ("2026-11-23-pooling.md", WHOLE.replace("slow.", "slow"), "its first line is no sentence"),
        ("2026-11-23-pooling.md", WHOLE.replace(FIRST, "# Pooling."), "its first line is no sentence"),
        ("2026-11-23-pooling.md", WHOLE.removeprefix("# "), "its first line is no sentence"),
        ("2026-11-23-pooling.md", WHOLE.replace("## Figures\n\n5.\n\n", ""), "other sections"),
        ("2026-11-23-pooling.md", WHOLE.replace("Which?\n\n", ""), "an empty section"),
    ],
)
def test_an_entry_that_lacks_something_is_told_so(name, text, fault):
    assert faults(name, text) == [fault]
