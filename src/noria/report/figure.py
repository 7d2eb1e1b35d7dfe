"""What every drawing stands in: a figure with its title and note, and an SVG that a screen reader can tell."""

from __future__ import annotations

from noria.report.markup import Markup, tag

WIDTH = 360.0  # units, about the width of a telephone, so that letters keep their size there
LETTER = 6.4  # mean width of a character at 12 units


def figure(title: str, content: Markup, note: str = "", class_: str | None = None) -> Markup:
    """Put a title above and a note below."""
    caption = tag("figcaption", tag("h3", title))
    return tag("figure", caption, content, tag("p", note, class_="soft") if note else None, class_=class_)


def nothing(title: str, note: str = "") -> Markup:
    """Return the figure of a chart that has no values."""
    return figure(title, tag("p", "There is nothing to draw.", class_="soft"), note)


def svg(
    title: str, description: str, height: float, *children: Markup, width: float = WIDTH, style: str | None = None
) -> Markup:
    """Return a drawing; it fills the width it is given unless `style` says otherwise."""
    return tag(
        "svg",
        tag("title", title),
        tag("desc", description),
        *children,
        viewBox=f"0 0 {width:.0f} {height:.0f}",
        role="img",
        style=style,
        xmlns="http://www.w3.org/2000/svg",
    )
