"""No modules and no packages import one another in a circle, and no chain of packages is long."""

from __future__ import annotations

import pytest

from architecture import graphs, layers
from architecture.rules import MOST_PACKAGES, found_in
from architecture.tree import File, sample


@pytest.fixture(autouse=True)
def _small_order(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(layers, "ORDER", [["a"], ["b.low"], ["b"], ["c"]])


def tree(**imported: str) -> dict[str, File]:
    """Return files that import what is said: b__x="a.y c" is the file b/x.py; each folder is a package."""
    found = {name.replace("__", "."): others for name, others in imported.items()}
    files = {
        name: sample("".join(f"import noria.{other}\n" for other in of.split()), name) for name, of in found.items()
    }
    packages = {name.rsplit(".", depth)[0] for name in found for depth in range(1, name.count(".") + 1)}
    return files | {name: File(name, sample("").tree, "", True) for name in packages - set(files)}


def test_modules_in_a_circle_are_seen_with_imports_for_types_alone():
    among = tree(a__x="a.y", a__y="", b__x="")
    assert graphs.circles(graphs.modules(among)) == []
    typed = "if TYPE_CHECKING:\n    from noria.a.x import X"
    among["a.y"] = sample(typed, "a.y")
    assert graphs.circles(graphs.modules(among)) == [["a.x", "a.y"]]
    assert found_in(among)["circles of modules"] == {"a.x": ["a.y"], "a.y": ["a.x"]}


def test_a_circle_is_shown_by_its_shortest_way_round():
    graph = {"a": {"b"}, "b": {"c", "a"}, "c": {"a"}}
    assert graphs.circles(graph) == [["a", "b", "c"]]
    assert graphs.shown(graph, ["a", "b", "c"]) == "a -> b -> a"


def test_packages_in_a_circle_are_seen_where_no_modules_are():
    among = tree(a__x="b.y", b__y="", b__z="a.w", a__w="")
    assert graphs.circles(graphs.modules(among)) == []
    assert graphs.package_circles(among) == [["a", "b"]]
    assert found_in(among)["circles of packages"] == {"a": ["b"], "b": ["a"]}


def test_folders_within_a_folder_in_a_circle_are_seen():
    among = tree(a__core__x="a.formats.y", a__formats__y="", a__formats__z="a.core.w", a__core__w="")
    assert graphs.circles(graphs.modules(among)) == []
    assert graphs.package_circles(among) == [["a.core", "a.formats"]]


def test_rooms_in_a_circle_through_folders_within_them_are_seen():
    among = tree(a__one__x="b.y", b__y="", b__z="a.two.w", a__two__w="")
    assert graphs.circles(graphs.folders(among)) == []
    assert graphs.package_circles(among) == [["a", "b"]]


def test_a_file_with_its_own_place_in_the_order_may_lie_below_its_folder():
    among = tree(c__x="b.low", b__low="", b__y="c.x")
    assert graphs.package_circles(among) == []


def test_files_of_one_folder_that_import_one_another_make_no_circle_of_packages():
    assert graphs.package_circles(tree(a__x="a.y", a__y="a.x")) == []


def test_the_longest_chain_counts_packages_and_not_files():
    among = tree(c__x="b.x", b__x="single", single="a.x", a__x="")
    assert graphs.longest_chain_of_packages(among) == ["c", "b", "a"]


def test_a_chain_of_too_many_packages_is_too_long():
    chain = {f"p{n}__x": f"p{n + 1}.x" for n in range(MOST_PACKAGES)}
    chain[f"p{MOST_PACKAGES}__x"] = ""
    assert found_in(tree(**chain))["longest chain"] == {"noria": [f"p{MOST_PACKAGES}"]}
    del chain["p0__x"]
    assert found_in(tree(**chain))["longest chain"] == {}
