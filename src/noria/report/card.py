"""The model card: what the bundle is, its numbers with intervals, what it learnt from, what it cost."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from noria.contract.checkpoints import ready_loader
from noria.pipeline.bundle import Bundle
from noria.pipeline.cross_validation import explained, in_front, in_words
from noria.pipeline.value_scores import value_lines
from noria.report.protocols import protocol_lines
from noria.report.rivals import rival_lines
from noria.store.disk import replace_file
from noria.units import duration

if TYPE_CHECKING:
    from noria.pipeline.prepared import Prepared


def write_card(run: Path, bundle: Bundle, prepared: Prepared, metrics: dict[str, Any]) -> None:
    """Write RUN/bundle/README.md."""
    report = prepared.report
    records = ", ".join(f"{count} {split}" for split, count in report["records"].items())
    lines = [
        f"# {run.name}: {bundle.config['task']}",
        "",
        f"{_origin(bundle)} Load it with `noria.load(folder)` or serve it with `noria serve folder`.",
        "",
        *_cross_validation(metrics),
        f"## Scores on {metrics['split']} ({metrics['n']} records{_groups(metrics)}, 95 % intervals)",
        "",
        *_scores(metrics),
        *_rivals(in_front(metrics)),
        *_protocols(metrics),
        "## Data",
        "",
        f"{records} records; {report['quarantined']} could not be used. Fingerprint `{prepared.fingerprint}`.",
        *(f"- {warning}" for warning in report["warnings"]),
        "",
        "## Cost",
        "",
        *(f"- {stage}: {duration(seconds)}" for stage, seconds in metrics["seconds"].items()),
        "",
        "## Limits",
        "",
        "The scores hold for records like those it was tested on. It gives an answer to any input, also to one that is",
        "nothing like what it learnt from.",
        *_slices(metrics),
    ]
    replace_file(bundle.path / "README.md", ("\n".join(lines) + "\n").encode())


def _origin(bundle: Bundle) -> str:
    """Return who trained the model."""
    loader = ready_loader(bundle.config["job"]["model"])
    if loader is not None:
        return f"{loader.about(bundle.states)} Made into a bundle with Noria {bundle.config['noria']}."
    return f"Trained with Noria {bundle.config['noria']}; {bundle.config['weights']['count']:,} weights."


def _scores(metrics: dict[str, Any]) -> list[str]:
    return [
        "| metric | value | interval | baseline | better is |",
        "|---|---|---|---|---|",
        *(score_row(name, one, metrics["baseline"].get(name)) for name, one in metrics["metrics"].items()),
        "",
        *(f"- {line}" for line in [*value_lines(metrics), *metrics.get("remarks", [])]),
        "",
    ]


def _cross_validation(metrics: dict[str, Any]) -> list[str]:
    validated = metrics.get("cross_validation")
    if validated is None:
        return []
    title = f"## Scores by cross-validation ({in_words(validated)}, 95 % intervals)"
    return [title, "", explained(metrics), "", *_scores(validated)]


def score_row(name: str, one: dict[str, Any], baseline: dict[str, Any] | None) -> str:
    """Return one line of the table of scores."""
    value, low, high = (number(one[key]) for key in ("value", "low", "high"))
    beside = number(baseline["value"]) if baseline else ""
    between = one.get("note") or f"{low} to {high}"
    return f"| {name} ({one['unit']}) | {value} | {between} | {beside} | {one['direction']} |"


def _rivals(metrics: Mapping[str, Any]) -> list[str]:
    lines = rival_lines(metrics)
    return ["## Simple models on the same records", "", *(f"- {line}" for line in lines), ""] if lines else []


def _protocols(metrics: Mapping[str, Any]) -> list[str]:
    lines = protocol_lines(metrics)
    return ["## The same model under every protocol", "", *(f"- {line}" for line in lines), ""] if lines else []


def _groups(metrics: dict[str, Any]) -> str:
    return f" in {metrics['groups']} groups" if "groups" in metrics else ""


def number(value: float | None) -> str:
    """Return a score in four digits, or a dash."""
    return "-" if value is None else f"{value:.4g}"


def _slices(metrics: dict[str, Any]) -> list[str]:
    lines = []
    for column, values in metrics.get("slices", {}).items():
        lines += ["", f"## By {column}", "", "| value | records | score |", "|---|---|---|"]
        for name, one in values.items():
            first, found = next(iter(one["metrics"].items()))
            small = " (few)" if one["is_small"] else ""
            interval = found.get("note") or f"{number(found['low'])} to {number(found['high'])}"
            lines.append(f"| {name} | {one['n']}{small} | {first} {number(found['value'])} [{interval}] |")
    return lines
