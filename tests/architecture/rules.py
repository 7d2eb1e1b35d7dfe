"""Every rule by its name, and what the tree has against each: rule -> file -> the places."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cache

from architecture import branches, contents, graphs, keys, layers, training
from architecture.tree import File, files

MOST_PACKAGES = 12  # that import one another in a chain: database, ledger, batch and commands came last
# What a rule objects to and is right as it is: the rule and words of the line -> why.
ALLOWED = {
    ("overridden methods", "__dataclass_params__"): "it is asked whether a dataclass is frozen, not for a method",
    ("stale paths", "`arff.py` is asked"): "a format that a user may add",
    ("prints", "sys.stdout.write(text"): "a process of its own, which is read by its output",
    ("first inputs", "(only,) = task.inputs"): "only_input() has just refused tasks with several",
}

Found = dict[str, dict[str, list[str]]]


def by_line(among: Mapping[str, File]) -> dict[str, Callable[[File], Iterable[int]]]:
    """Return the rules that yield lines of one file."""
    names, owned = branches.Names(among), keys.owners(among)
    return {
        "upward imports": lambda file: layers.upward(file, among),
        "imports past the registry": lambda file: layers.past_the_registry(file, among),
        "task names": lambda file: branches.task_names(file, names),
        "kind names": lambda file: branches.kind_names(file, names),
        "class questions": branches.class_questions,
        "overridden methods": branches.overridden_methods,
        "first inputs": keys.first_inputs,
        "fixed inputs": lambda file: keys.fixed_inputs(file, among),
        "array keys": lambda file: keys.array_keys(file, among, owned),
        "too long": contents.too_long,
        "empty names": contents.empty_names,
        "relative imports": contents.relative_imports,
        "prints": contents.prints,
        "evaluates": contents.evaluates,
        "without docstring": contents.without_docstring,
        "stale paths": contents.stale_paths,
    }


# Those that say which task, modality or target a file serves.
BRANCHES = (
    "task names",
    "kind names",
    "class questions",
    "overridden methods",
    "first inputs",
    "fixed inputs",
    "array keys",
)
FORMATS_LOADED = "formats that a picture job loads"
STATIC = (*by_line({}), "circles of modules", "circles of packages", "longest chain")
RULES = (*STATIC, FORMATS_LOADED)


def found_in(among: Mapping[str, File]) -> Found:
    """Return the places against each rule that reading the files tells."""
    found: Found = {}
    for rule, lines_of in by_line(among).items():
        places = {name: _places(rule, file, sorted(lines_of(file))) for name, file in among.items()}
        found[rule] = {name: lines for name, lines in places.items() if lines}
    found["circles of modules"] = graphs.within(graphs.modules(among), graphs.circles(graphs.modules(among)))
    found["circles of packages"] = graphs.within(graphs.packages(among), graphs.package_circles(among))
    too_many = graphs.longest_chain_of_packages(among)[MOST_PACKAGES:]
    found["longest chain"] = {"noria": too_many} if too_many else {}
    return found


def _places(rule: str, file: File, lines: list[int]) -> list[str]:
    words = [allowed for of, allowed in ALLOWED if of == rule]
    texts = file.text.splitlines() if words and lines else []
    return [f"line {line}" for line in lines if not any(word in texts[line - 1] for word in words)]


@cache
def static() -> Found:
    """Return the places against every rule that reading the tree tells."""
    return found_in(files())


def found() -> Found:
    """Return the places against every rule, that of a training included."""
    loaded = {name: ["loaded"] for name in training.foreign(training.loaded().ours)}
    return static() | {FORMATS_LOADED: loaded}
