"""Print the figures of the house: `python tests/architecture`; bring known.yaml up to date: add --write.

--write refuses to let a rule have more against it than before; --write --more does not.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # run as a folder, not as a package

from architecture import graphs, known, training
from architecture.rules import BRANCHES, RULES, found
from architecture.tree import File, files


def main(words: list[str]) -> int:
    if unknown := set(words) - {"--write", "--more"}:
        return _fails(f"no such option: {', '.join(sorted(unknown))}\n{__doc__}")
    if "--write" in words:
        more = known.grown(found(), known.known())
        if more and "--more" not in words:
            said = [
                line
                for rule in RULES
                for line in known.differences(rule, found().get(rule, {}), known.known().get(rule, {}))
            ]
            return _fails("\n".join(["Not written, there is more than before:", *more, "", *said]))
        known.write(found())
    sys.stdout.write("\n".join(summary()) + "\n")
    return 0


def _fails(why: str) -> int:
    sys.stderr.write(why + "\n")
    return 1


def summary() -> Iterator[str]:
    """Yield the lines that say how the house stands."""
    among, loaded = files(), training.loaded()
    lines = sum(len(file.text.splitlines()) for file in among.values())
    yield f"files {len(among)}, lines {lines}"
    yield from _circles("modules", graphs.circles(graphs.modules(among)), graphs.modules(among))
    yield from _circles("packages", graphs.package_circles(among), graphs.packages(among))
    yield from _chain("packages right below noria", graphs.longest_chain_of_packages(among))
    yield from _chain("folders at any depth", _longest_of_folders(among))
    counts = known.total(known.counted(found()))
    yield f"branches on what is served: {sum(counts.get(rule, 0) for rule in BRANCHES)}"
    yield from (f"  {rule}: {counts.get(rule, 0)}" for rule in BRANCHES)
    yield "against the other rules:"
    yield from (f"  {rule}: {counts.get(rule, 0)}" for rule in RULES if rule not in BRANCHES)
    yield (
        f"training a picture job imports {len(loaded.ours)} of our {len(among)} files"
        f" ({loaded.share_of_lines:.0%} of the lines), {loaded.in_all} modules in all;"
        f" readers of other formats: {', '.join(training.foreign(loaded.ours)) or 'none'}"
    )


def _circles(what: str, circles: list[list[str]], graph: graphs.Graph) -> Iterator[str]:
    yield f"circles of {what}, imports for types alone included: {len(circles)}"
    yield from (f"  {graphs.shown(graph, circle)}, in all {', '.join(circle)}" for circle in circles)


def _chain(what: str, chain: list[str]) -> Iterator[str]:
    yield f"longest chain of {what}: {len(chain)} ({' -> '.join(chain)})"


def _longest_of_folders(among: dict[str, File]) -> list[str]:
    kept = {graphs.folder_of(name, among) for name, file in among.items() if file.is_package}
    return graphs.longest_chain(graphs.folders(among), lambda folder: folder in kept)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
