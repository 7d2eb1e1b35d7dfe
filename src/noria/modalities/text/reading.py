"""How texts are read, as people see it."""

from __future__ import annotations

from noria.types import Panel, State


def panel_of(state: State, max_tokens: int) -> Panel:
    """Return what cuts texts into tokens, how many it knows and how many a text may have."""
    rows = [
        ["tokens", str(state.get("kind", "of a checkpoint"))],
        ["vocabulary", f"{state['vocabulary']:,}"],
        ["longest text", f"{max_tokens:,} tokens; the rest is not read (max_tokens)"],
    ]
    return Panel("table", "How texts are read", {"columns": ["what", "how"], "rows": rows})
