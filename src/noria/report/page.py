"""RUN/report.html: one file without scripts or network, in the order a reader asks.

How good is it, how did it learn, where does it err, what did it learn from, what did it cost. Knows no task: targets
give panels, modalities decode their own values. Read next: scores.py, mistakes.py, charts.py.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from noria.pipeline.cross_validation import in_front
from noria.report.cross_validation import cross_validation
from noria.report.data import data
from noria.report.learning import learning, read_lines
from noria.report.markup import Markup, join, tag
from noria.report.mistakes import mistakes
from noria.report.panels import panel
from noria.report.protocols import protocols_section
from noria.report.rivals import rivals_section
from noria.report.run_summary import course
from noria.report.scores import headline, scores, slices
from noria.store.disk import replace_file

if TYPE_CHECKING:
    from noria.pipeline.predictor import Predictor
    from noria.pipeline.prepared import Prepared
    from noria.types import Arrays

# Should a text ever slip through unescaped, the browser still runs and loads nothing.
POLICY = "default-src 'none'; img-src data:; media-src data:; style-src 'unsafe-inline'"


def write_report(
    run: Path, prepared: Prepared, predictor: Predictor, metrics: dict[str, Any], output: Arrays | None = None
) -> Path:
    """Write RUN/report.html and return its path.

    metrics: what metrics.json holds. output: the model's outputs for the scored split, where they are at hand;
    otherwise they are computed again.
    """
    dataset = prepared.splits[metrics["split"]]
    output = predictor.outputs(dataset) if output is None else output
    history, times = read_lines(run / "history.jsonl"), read_lines(run / "times.jsonl")
    task = predictor.bundle.config["task"]
    chosen_by = predictor.bundle.job.train.best_by or next(iter(metrics["metrics"]), "")
    direction = metrics["metrics"].get(chosen_by, {}).get("direction", "higher")
    first = in_front(metrics)
    classes = len(prepared.states["target"].get("classes", ()))
    panels = [panel(one, classes) for one in metrics.get("panels", [])]
    sections = {
        "Cross-validation": cross_validation(metrics, classes),
        "Scores" if first is metrics else f"Scores on {metrics['split']}": scores(metrics),
        "Simple models on the same records": rivals_section(first),
        "The same model under every protocol": protocols_section(metrics),
        "Slices": slices(metrics),
        "Learning": learning(history, times, chosen_by, direction),
        "Answers in detail": tag("div", panels, class_="charts") if panels else None,
        "Hardest records": mistakes(predictor, dataset, output),
        "Data": data(prepared, predictor),
        "Plan and cost": course(run, metrics, history, times),
    }
    page = document(f"{run.resolve().name}: report", headline(run.resolve().name, task, first), sections)
    path = run / "report.html"
    replace_file(path, page.encode())
    return path


def document(title: str, top: Markup, sections: dict[str, Markup | None]) -> str:
    """Return the whole page; a section of None is left out."""
    style = files("noria.report").joinpath("page.css").read_text("utf-8")
    there = {name: content for name, content in sections.items() if content is not None}
    links = [tag("a", name, href=f"#{_anchor(name)}") for name in there]
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=POLICY),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("title", title),
        tag("style", Markup(style)),
    )
    body = [tag("section", tag("h2", name), content, id=_anchor(name)) for name, content in there.items()]
    whole = tag("main", top, tag("nav", links, aria_label="Sections"), body)
    return f"<!doctype html>\n{tag('html', head, tag('body', join(whole)), lang='en')}\n"


def _anchor(name: str) -> str:
    return name.lower().replace(" ", "-")
