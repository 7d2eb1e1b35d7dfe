"""HTML and SVG from Python: every text is escaped unless it is Markup already, so nothing from data becomes code.

The result is well-formed XML, too. Knows nothing of reports. Read next: charts.py.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable
from typing import TypeAlias

Child: TypeAlias = "str | int | float | Iterable[Child] | None"
Attribute: TypeAlias = str | int | float | None

# What neither XML nor UTF-8 can hold: control characters, lone surrogates (odd file names), two non-characters.
_UNFIT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
_VOID = {"br", "hr", "img", "meta", "wbr"}  # HTML elements that are never closed by a tag of their own


class Markup(str):
    """Text that is HTML already, and is not escaped again."""


def text(value: object) -> Markup:
    """Escape anything for use between tags or inside a quoted attribute."""
    return value if isinstance(value, Markup) else Markup(html.escape(_UNFIT.sub("\ufffd", str(value)), quote=True))


def join(*children: Child) -> Markup:
    """Join children; None is nothing, a list is its members."""
    return Markup("".join(_parts(children)))


def tag(tag_name: str, *children: Child, **attributes: Attribute) -> Markup:
    """Return one element. `class_` becomes class, `stroke_width` stroke-width; an attribute of None is left out.

    >>> tag("p", "1 < 2", class_="note")
    '<p class="note">1 &lt; 2</p>'
    """
    given = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{_attribute(value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    if tag_name in _VOID:
        return Markup(f"<{tag_name}{given} />")
    return Markup(f"<{tag_name}{given}>{join(*children)}</{tag_name}>")


def _parts(children: Iterable[Child]) -> Iterable[str]:
    for child in children:
        if isinstance(child, str | int | float):
            yield text(child)
        elif child is not None:
            yield from _parts(child)


def _attribute(value: str | int | float) -> str:
    """Write coordinates to a tenth: finer is not seen, and makes the file larger."""
    return f"{value:.1f}".removesuffix(".0") if isinstance(value, float) else text(value)
