"""How pictures are read, as people see it."""

from __future__ import annotations

from noria.modalities.image.settings import ImageSettings
from noria.types import Panel, State


def panel_of(settings: ImageSettings, state: State) -> Panel:
    """Return what the network sees of each picture: its size, its colours, the scale of its values."""
    size = f"{state['width']} x {state['height']} pixels"
    rows = [["size", f"tiles of {size}" if settings.tile else f"each picture is made {size}"]]
    if (channels := state.get("channels")) is not None:
        rows.append(["colours", ", ".join(_colours(channels))])
    if "mean" in state and "spread" in state:
        for name, mean, spread in zip(_colours(len(state["mean"])), state["mean"], state["spread"], strict=True):
            rows.append([name, f"0 to 255, in training mean {255 * mean:.1f} and spread {255 * spread:.1f}"])
    return Panel("table", "How pictures are read", {"columns": ["what", "how"], "rows": rows})


def _colours(channels: int) -> tuple[str, ...]:
    return ("grey",) if channels == 1 else ("red", "green", "blue")
