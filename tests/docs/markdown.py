"""Read what the tests of the documents need from markdown: code blocks, headings, links, commands."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Block:
    """A fenced code block. `name` is the file that its first line names in a comment, if it does."""

    language: str
    text: str

    @property
    def name(self) -> str:
        found = re.match(r"# ([\w./-]+\.\w+)\n", self.text)
        return found[1] if found else ""


def documents() -> list[Path]:
    """All documents of the repository, generated ones included."""
    tops = ["README.md", "README.zh-CN.md", "CONTRIBUTING.md", "CHANGELOG.md"]
    return [ROOT / name for name in tops] + sorted((ROOT / "docs").rglob("*.md"))


def blocks(text: str) -> list[Block]:
    """The fenced code blocks of a text."""
    return [Block(one[1], one[2]) for one in re.finditer(r"^```(\w*)\n(.*?)^```$", text, re.M | re.S)]


def without_blocks(text: str) -> str:
    return re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S)


def headings(text: str) -> list[tuple[int, str]]:
    """Level and title of each heading."""
    return [(len(one[1]), one[2]) for one in re.finditer(r"^(#+) (.+)$", without_blocks(text), re.M)]


def anchors(text: str) -> set[str]:
    """The anchors of the headings, as hosts of repositories make them."""
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for _, title in headings(text)}


def links(text: str) -> list[str]:
    """The targets of the links."""
    return re.findall(r"\[[^\]]*\]\(([^)\s]+)\)", without_blocks(text))


def commands(text: str) -> list[str]:
    """The lines of the bash blocks, without comments."""
    lines = [line for block in blocks(text) if block.language == "bash" for line in block.text.splitlines()]
    return [bare for line in lines if (bare := re.sub(r"(^|\s)#.*$", "", line).rstrip())]
