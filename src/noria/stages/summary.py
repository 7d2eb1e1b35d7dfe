"""The scores as a small table for the terminal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from noria.report.card import number


def summary(metrics: dict[str, Any], run: Path | None = None) -> str:
    """Return the scores with interval and baseline, one a line, and where the rest is."""
    groups = f" in {metrics['groups']} groups" if "groups" in metrics else ""
    lines = [f"scores on {metrics['split']}, {metrics['n']} records{groups}, with 95 % intervals"]
    for name, one in metrics["metrics"].items():
        baseline = metrics["baseline"].get(name, {}).get("value")
        interval = f"({one['note']})" if one.get("note") else f"[{number(one['low'])}, {number(one['high'])}]"
        lines.append(
            f"  {name:<18} {number(one['value']):>8} {interval:<18} baseline {number(baseline):>8}"
            f"   {one['unit']}, {one['direction']} is better"
        )
    lines += [f"look: {remark}" for remark in metrics.get("remarks", [])]
    if compared := metrics.get("compared"):
        lines.append(compared["sentence"])
    if run is not None:
        lines.append(f"report: {(run / 'report.html').resolve()}")
        lines.append(f"bundle: {(run / 'bundle').resolve()}")
    return "\n".join(lines)
