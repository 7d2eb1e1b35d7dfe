"""Read a report strictly: as XML, which also finds every unclosed tag, bare & and stray <."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

SVG = "{http://www.w3.org/2000/svg}"


def parsed(page: str) -> ET.Element:
    """Return the page as a tree; fails where it is not well-formed."""
    return ET.fromstring(page.removeprefix("<!doctype html>\n"))


def words(page: str) -> str:
    """Return all text of the page but its style, with single spaces."""
    body = parsed(page).find("body")
    assert body is not None
    return re.sub(r"\s+", " ", " ".join(body.itertext()))


def names(page: str) -> set[str]:
    """Return the elements that occur, without their namespace."""
    return {element.tag.rsplit("}", 1)[-1] for element in parsed(page).iter()}
