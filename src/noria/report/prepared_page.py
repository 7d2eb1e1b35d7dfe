"""What preparation understood of the data, as a page of the report's look: one file without scripts or network.

What was read, how each field is read, which answers there are, records as the network gets them. Knows no task.
Read next: data.py, sample_cards.py.
"""

from __future__ import annotations

from pathlib import Path

from noria.contract import Task
from noria.pipeline.prepared import Prepared
from noria.report.data import about, answers, how_read, quarantine, remarks
from noria.report.markup import Markup, join, tag
from noria.report.page import document
from noria.report.sample_cards import sample_cards
from noria.store.disk import whole_file


def write_prepared(prepared: Prepared, task: Task, path: Path | str) -> Path:
    """Write the page and return its path; folders above it are made."""
    page = prepared_page(prepared, task)
    with whole_file(Path(path)) as file:
        file.write_text(page, "utf-8")
    return Path(path)


def prepared_page(prepared: Prepared, task: Task) -> str:
    """Return the page as HTML."""
    report = prepared.report
    name = Path(report["source"]).name
    total = sum(report["records"].values())
    lead = f"{total:,} records can be used, {report['quarantined']:,} cannot."
    top = join(
        tag("h1", name), tag("p", "what was understood of the data", class_="kind"), tag("p", lead, class_="lead")
    )
    read = tag("div", how_read(report), class_="charts") if report.get("readings") else None
    sections: dict[str, Markup | None] = {
        "What was read": join(
            about(prepared), remarks(report), quarantine(report, "the output of noria prepare --json")
        ),
        "How it is read": read,
        "Answers": answers(prepared, task.target),
        "As the network gets it": sample_cards(prepared, task),
    }
    return document(f"{name}: what was understood", top, sections)
