"""Circles among modules and among packages, and the longest chain of packages that import one another."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from architecture.layers import part_of
from architecture.tree import File, imports

Graph = dict[str, set[str]]


def modules(among: Mapping[str, File]) -> Graph:
    """Return which modules each module imports, for types alone or at run time."""
    return {name: {other for other, _ in imports(file, among) if other in among} for name, file in among.items()}


def folder_of(name: str, among: Mapping[str, File]) -> str:
    """Return the folder that a module lies in; a file right below noria, or one with its own place, is its own."""
    folder = name if among[name].is_package or "." not in name else name.rsplit(".", 1)[0]
    return max(folder, part_of(name), key=len)


def folders(among: Mapping[str, File]) -> Graph:
    """Return which folders each folder imports, at whatever depth it lies."""
    return _joined(modules(among), lambda name: folder_of(name, among))


def parts(among: Mapping[str, File]) -> Graph:
    """Return which parts of the order each part imports."""
    return _joined(modules(among), part_of)


def inside(folder: str, among: Mapping[str, File]) -> Graph:
    """Return which things right below a folder import which: files, and folders as wholes."""
    depth = folder.count(".") + 2
    below = {name: others for name, others in modules(among).items() if name.startswith(f"{folder}.")}
    kept = {name: {other for other in others if other in below} for name, others in below.items()}
    return _joined(kept, lambda name: ".".join(name.split(".")[:depth]))


def package_circles(among: Mapping[str, File]) -> list[list[str]]:
    """Return the circles of folders, of parts of the order, and within each folder those that a folder is part of."""
    found = [*circles(folders(among)), *circles(parts(among))]
    all_folders = _folders(among)
    for folder in sorted(all_folders - {"noria"}):
        found += [circle for circle in circles(inside(folder, among)) if all_folders & set(circle)]
    return [list(circle) for circle in sorted({tuple(circle) for circle in found})]


def packages(among: Mapping[str, File]) -> Graph:
    """Return which folders, parts and files import which: all that a circle of packages may go through."""
    whole: Graph = {}
    inner = (inside(folder, among) for folder in _folders(among) - {"noria"})
    for graph in (folders(among), parts(among), *inner):
        for node, others in graph.items():
            whole.setdefault(node, set()).update(others)
    return whole


def longest_chain_of_packages(among: Mapping[str, File]) -> list[str]:
    """Return the longest chain of rooms right below noria; single files in between do not count."""
    return longest_chain(parts(among), lambda part: part in _folders(among) - {"noria"} and "." not in part)


def _folders(among: Mapping[str, File]) -> set[str]:
    return {name for name, file in among.items() if file.is_package} | {
        name.rsplit(".", 1)[0] for name in among if "." in name
    }


def _joined(graph: Graph, name_of: Callable[[str], str]) -> Graph:
    joined: Graph = {name_of(name): set() for name in graph}
    for name, others in graph.items():
        joined[name_of(name)] |= {name_of(other) for other in others} - {name_of(name)}
    return joined


def circles(graph: Graph) -> list[list[str]]:
    """Return the sets of nodes that reach one another (strongly connected, two or more), sorted."""
    reach = {node: _reached(graph, node) for node in graph}
    found = {frozenset(other for other in reach[node] if node in reach[other]) for node in graph}
    return sorted(sorted(circle) for circle in found if len(circle) > 1)


def _reached(graph: Graph, start: str) -> set[str]:
    seen: set[str] = set()
    waiting = [start]
    while waiting:
        for other in graph[waiting.pop()] - seen:
            seen.add(other)
            waiting.append(other)
    return seen


def within(graph: Graph, found: list[list[str]]) -> dict[str, list[str]]:
    """Return for each node the others that it imports and that lead back to it."""
    others: dict[str, set[str]] = {}
    for circle in found:
        for node in circle:
            others.setdefault(node, set()).update(graph.get(node, set()) & set(circle))
    return {node: sorted(back) for node, back in sorted(others.items()) if back}


def shown(graph: Graph, circle: list[str]) -> str:
    """Return one shortest way round a circle, for a person to read."""
    start = circle[0]
    ways = [[start]]
    for way in ways:
        for other in sorted(graph[way[-1]] & set(circle)):
            if other == start:
                return " -> ".join([*way, start])
            if all(other not in one for one in ways):
                ways.append([*way, other])
    raise AssertionError(f"no way round {circle}")


def longest_chain(graph: Graph, counted: Callable[[str], bool]) -> list[str]:
    """Return the longest chain of counted nodes of which each imports the next, directly or by others.

    A circle has no longest chain: its nodes count as one after the other, sorted.
    """
    home = {node: tuple(circle) for circle in circles(graph) for node in circle}
    whole = {node: home.get(node, (node,)) for node in graph}
    above: dict[tuple[str, ...], set[tuple[str, ...]]] = {group: set() for group in whole.values()}
    for node, others in graph.items():
        above[whole[node]] |= {whole[other] for other in others} - {whole[node]}
    best: dict[tuple[str, ...], list[str]] = {}

    def chain(group: tuple[str, ...]) -> list[str]:
        if group not in best:
            rest = max((chain(other) for other in sorted(above[group])), key=len, default=[])
            best[group] = [*filter(counted, group), *rest]
        return best[group]

    return max(map(chain, sorted(above)), key=len, default=[])
