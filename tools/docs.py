"""Write the generated pages of docs/ from the code: a page a task, every key of the job file, the commands, the map.

    python tools/docs.py            write them        python tools/docs.py --check    only say which are out of date

Everything comes from what runs: dataclass fields, pydantic models, docstrings, typer's own help. A test compares the
files with `pages()`. What people write by hand stands in docs/index.md, docs/guide.md and docs/zh/.
"""

from __future__ import annotations

import ast
import dataclasses
import functools
import inspect
import io
import json
import re
import sys
import tokenize
import types
import typing
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal, Union

import numpy as np
import typer
import yaml
from pydantic import BaseModel

from noria import cli, errors, job
from noria.contract import Task, answer_field, dispatch, registry
from noria.contract.capabilities import PredictsBaseline, declared
from noria.contract.examples import column, fitted, records_like
from noria.contract.settings import setting_fields
from noria.service.inputs import inputs_of, record_schema
from noria.service.serve import example_command
from noria.types import Dataset

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "noria"
MARK = "<!-- Written by `python tools/docs.py` from the code. Change the code, not this page. -->"
HELP_WIDTH = 100  # characters
SHORT = 90  # characters that JSON puts into one line
RECORDS = 8  # like the example, that its page is made with
URL = "http://127.0.0.1:8000"


def main() -> int:
    """Write what differs, or with --check only name it; return the exit code."""
    is_check = "--check" in sys.argv[1:]
    differing = stale()
    for path in differing:
        sys.stdout.write(f"{'out of date' if is_check else 'wrote'}: {path}\n")
    if not is_check:
        write(differing)
    return 1 if is_check and differing else 0


@functools.cache
def pages() -> dict[str, str]:
    """Return every generated page, by its path below the root of the repository."""
    names = registry.names("tasks")
    made = {f"docs/tasks/{name}.md": task_page(name) for name in names}
    made["docs/tasks/index.md"] = tasks_page(names)
    made["docs/reference/job.md"] = job_page()
    made["docs/reference/cli.md"] = cli_page()
    made["docs/reference/map.md"] = map_page()
    return made


def stale() -> list[str]:
    """Return the paths of pages that are missing, out of date, or no longer made."""
    made = pages()
    there = {p.relative_to(ROOT).as_posix() for d in ("tasks", "reference") for p in (ROOT / "docs" / d).glob("*.md")}
    old = [path for path, text in made.items() if path not in there or (ROOT / path).read_text("utf-8") != text]
    return sorted({*old, *(there - made.keys())})


def write(paths: Iterable[str]) -> None:
    """Write these pages; remove the ones that are no longer made."""
    made = pages()
    for path in paths:
        target = ROOT / path
        target.parent.mkdir(parents=True, exist_ok=True)
        if path in made:
            target.write_text(made[path], "utf-8")
        else:
            target.unlink()


# A page a task


def tasks_page(names: Sequence[str]) -> str:
    """Return the list of the tasks."""
    rows = [[f"[{name}]({name}.md)", _first_line(registry.spoke_class("tasks", name))] for name in names]
    return _page("Tasks", ["`noria list tasks` prints the same.", _table(["task", "what it does"], rows)])


def task_page(name: str) -> str:
    """Return the page of one task."""
    task = registry.task(name)
    parts = [_prose(inspect.getdoc(type(task)) or "")]
    for field, modality in task.inputs.items():
        about = f"Input `{field}`: {modality.kind}"
        taken = {"file": "the bytes of a file", "cell": "one cell", "columns": "several columns at once"}
        parts += [f"## {about}", f"One value is {taken[modality.raw_type]}.", *_settings(modality, f"inputs.{field}")]
    answer = answer_field(task)
    parts += [f"## Answer: {answer}", *_settings(task.target, "target")]
    parts += ["## Example record", _code("json", _json(_shown(task.example().fields)))]
    parts += ["## Metrics", *_metrics(task), f"Baseline: {_sentence(_trivial(task))}"]
    parts += ["## Job", *_job(name, task)]
    parts += ["## HTTP", *_http(task)]
    return _page(name, parts)


def _trivial(task: Task) -> Any:
    """Return the function whose docstring says what the trivial answer is."""
    own = declared(task, PredictsBaseline)
    return own.predict_baseline if own is not None and own.predict_baseline.__doc__ else task.fit_baseline


def _settings(spoke: Any, path: str) -> list[str]:
    """Return the docstring of a modality or a target, and its settings with their types and defaults."""
    hints = typing.get_type_hints(type(spoke))
    rows = [
        [f"`{path}.{one.name}`", _type(hints[one.name]), _value(getattr(spoke, one.name)), _effect(one)]
        for one in setting_fields(spoke)
    ]
    parts = [_prose(inspect.getdoc(type(spoke)) or "")]
    return [*parts, _table(["setting", "type", "default here", "changes"], rows)] if rows else parts


def _effect(one: dataclasses.Field[Any]) -> str:
    return "the network" if one.metadata.get("network_only") else "the prepared data"


def _metrics(task: Task) -> list[str]:
    """Return the metrics as a table; those that only two different answers have are marked."""
    always = {metric.name for metric in task.target.metrics(fitted(task, _records(task, 3))["target"])}
    rows = [
        [f"`{one.name}`", one.unit, f"{one.direction} is better", "" if one.name in always else "two classes only"]
        for one in task.target.metrics(fitted(task, _records(task, 2))["target"])
    ]
    chosen = task.defaults.get("train", {}).get("best_by") or rows[0][0].strip("`")
    return [
        _table(["metric", "unit", "direction", "where"], rows),
        f"Each score comes with n and a 95 % bootstrap interval. `{chosen}` on the validation split chooses the weights"
        " that are kept; `train.best_by` names another.",
    ]


def _job(name: str, task: Task) -> list[str]:
    """Return a job to start from, what the task sets by itself, and the shipped jobs of this task."""
    fields = {field: "file" if one.raw_type == "file" else field for field, one in task.inputs.items()}
    named = {field: column for field, column in fields.items() if task.inputs[field].raw_type != "columns"}
    named[answer_field(task)] = "answer"
    lines = ["# my-job.yaml", f"task: {name}", f"data: {{path: records.csv, fields: {_inline(named)}}}"]
    parts = [
        _code("yaml", "\n".join(lines)),
        _code("bash", "noria train my-job.yaml"),
        "`fields` says which column fills which field, here of a table with other names. Every key:"
        " [job file](../reference/job.md).",
    ]
    if task.defaults:
        defaults = yaml.safe_dump(dict(task.defaults), sort_keys=False, default_flow_style=None).rstrip()
        parts += ["What this task sets unless the job says otherwise:", _code("yaml", defaults)]
    for shipped, path in job.shipped_jobs().items():
        text = path.read_text("utf-8").rstrip()
        if yaml.safe_load(text)["task"] == name:
            parts += [f"Shipped job `{shipped}`:", _code("yaml", text)]
    return parts


def _http(task: Task) -> list[str]:
    """Return the request, the schema of a record and an answer, as the server gives them."""
    example = task.example().fields
    columns = {field: list(example[field]) for field, one in task.inputs.items() if one.raw_type == "columns"}
    inputs = inputs_of(typing.cast(Any, SimpleNamespace(task=task, config={"fields": columns})))
    command = example_command(typing.cast(Any, SimpleNamespace(inputs=inputs)), URL, needs_key=False)
    return [
        "`noria serve RUN` answers `POST /predict`, as multipart/form-data or as JSON"
        ' (`{"records": [...]}` or one record). `GET /schema` gives the schema of the model it serves:',
        _code("json", _json(record_schema(inputs))),
        _code("bash", command),
        _code("json", _json({"model": "NAME", "predictions": [_prediction(task)]})),
    ]


def _prediction(task: Task) -> dict[str, Any]:
    """Return a prediction as JSON: that of the baseline; the true answer in the place of one that is only scored."""
    records = _records(task, 2)
    states, answers = fitted(task, records), [record[answer_field(task)] for record in records]
    inputs = {
        name: modality.encode(column([record[name] for record in records]), states["inputs"][name]).arrays
        for name, modality in task.inputs.items()
    }
    dataset = dispatch.windows(task, Dataset(inputs, task.target.encode(answers, states["target"]).arrays))
    output = dispatch.predict_baseline(task, dataset, task.fit_baseline(dataset.target))
    prediction = task.target.decode(output, states["target"])[0]
    if prediction.value is None:
        prediction = dataclasses.replace(prediction, value=answers[0])
    return prediction.as_json()


def _records(task: Task, num_classes: int) -> list[dict[str, Any]]:
    """Return the task's example and some like it, of so many classes where the answer is a class."""
    example, field = dict(task.example().fields), answer_field(task)
    answer = example[field]
    records = [example, *records_like(task, RECORDS)]
    if task.target.has_closed_vocabulary and isinstance(answer, str):
        answers = [answer, f"not {answer}", f"neither {answer}"][:num_classes]
        return [{**record, field: answers[index % num_classes]} for index, record in enumerate(records)]
    return records


# Every key of the job file


def job_page() -> str:
    """Return every key of the job file with type, default and comment."""
    comments: dict[str, dict[str, str]] = {}
    for name in ("job/schema.py", "job/data.py"):
        comments |= field_comments((SOURCE / name).read_text("utf-8"))
    parts = [
        "A job file is YAML. A key that is not here is an error, and so is a value of the wrong type; all problems are"
        " reported at once. `key=value` after a command overrides any key: `train.minutes=5`, `data.path=photos`,"
        " `model.depth=2`. The [guide](../guide.md) says how they go together.",
        *_section(job.Job, "", comments),
        "## Sizes of the trunk",
        _code("yaml", (SOURCE / "model" / "sizes.yaml").read_text("utf-8").rstrip()),
    ]
    return _page("The job file", parts)


def _section(model: type[BaseModel], prefix: str, comments: Mapping[str, Mapping[str, str]]) -> list[str]:
    """Return a table of one section's keys, and then the sections below it."""
    rows, below = [], []
    for name, field in model.model_fields.items():
        key = f"{prefix}{name}"
        section = _model(field.annotation)
        if section is not None:
            below += [f"## {key}", *_section(section, f"{key}.", comments)]
        default = _value(field.get_default(call_default_factory=True)) if not field.is_required() else "required"
        kind = f"section [{key}](#{_anchor(key)})" if section else _type(field.annotation)
        limits = ", ".join(_limit(one) for one in field.metadata)
        meaning = comments[model.__name__].get(name, "")
        rows.append([f"`{key}`", kind + (f", {limits}" if limits else ""), "" if section else default, meaning])
    own = [_prose(inspect.getdoc(model) or ""), _table(["key", "type", "default", "meaning"], rows)]
    if model is job.Job:
        own.append("The settings of `inputs` and `target` are those of the task: see [tasks](../tasks/index.md).")
    if model is job.Tune:
        own += ["A range of `tune.space`:", *_section(job.Range, "", comments)]
    return own + below


def field_comments(source: str) -> dict[str, dict[str, str]]:
    """Return, for each class of a module, the comment at the end of each field's line."""
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    at_line = {one.start[0]: one.string.lstrip("# ") for one in tokens if one.type == tokenize.COMMENT}
    found: dict[str, dict[str, str]] = {}
    for node in ast.parse(source).body:
        if isinstance(node, ast.ClassDef):
            for one in node.body:
                if isinstance(one, ast.AnnAssign) and isinstance(one.target, ast.Name):
                    found.setdefault(node.name, {})[one.target.id] = at_line.get(one.end_lineno or 0, "")
    return found


def _model(annotation: Any) -> type[BaseModel] | None:
    """Return the section that a field holds, looking through `| None`."""
    for one in (annotation, *typing.get_args(annotation)):
        if isinstance(one, type) and issubclass(one, BaseModel) and typing.get_origin(annotation) is not dict:
            return one
    return None


def _limit(constraint: Any) -> str:
    words = {"ge": "at least", "gt": "above", "le": "at most", "lt": "below", "min_length": "items at least"}
    return next((f"{word} {getattr(constraint, key)}" for key, word in words.items() if hasattr(constraint, key)), "")


# The commands


def cli_page() -> str:
    """Return the help of every command, and the exit codes."""
    group = typing.cast(Any, typer.main.get_command(cli.app))
    top = group.context_class(group, info_name="noria", terminal_width=HELP_WIDTH)
    parts = [_code("text", group.get_help(top))]
    for name, command in group.commands.items():
        context = command.context_class(command, info_name=name, parent=top, terminal_width=HELP_WIDTH)
        parts += [f"## noria {name}", _code("text", command.get_help(context))]
    return _page("The commands", [*parts, "## Exit codes", *_exit_codes()])


def _exit_codes() -> list[str]:
    lines = (SOURCE / "errors.py").read_text("utf-8").splitlines()
    found = [re.match(r"EXIT_(\w+) = (\d+)(?:  # (.*))?$", line) for line in lines]
    rows = [[one[2], one[1].lower().replace("_", " "), one[3] or ""] for one in found if one]
    assert len(rows) == sum(name.startswith("EXIT_") for name in vars(errors))
    return [_table(["code", "meaning", "note"], [["0", "done", ""], ["1", "a bug in Noria", "with its trace"], *rows])]


# The map


def map_page() -> str:
    """Return every file of the package with the first line of what it says about itself."""
    folders = [SOURCE, *sorted(path for path in SOURCE.rglob("*") if path.is_dir() and path.name != "__pycache__")]
    parts = ["Every file of `src/noria` with the first line of its own documentation."]
    for folder in folders:
        name = "src/noria" if folder == SOURCE else f"src/noria/{folder.relative_to(SOURCE).as_posix()}"
        files = sorted(p for p in folder.iterdir() if p.suffix in (".py", ".yaml", ".css", ".html"))
        rows = [[f"`{p.name}`", purpose(p)] for p in files if p.name != "__init__.py" or folder == SOURCE]
        init = folder / "__init__.py"
        about = [purpose(init)] if folder != SOURCE and init.exists() else []
        parts += [f"## {name}", *about, _table(["file", "purpose"], rows)]
    return _page("The map", parts)


def purpose(path: Path) -> str:
    """Return the first line that a file says about itself: of its docstring, or of its first comment."""
    text = path.read_text("utf-8")
    if path.suffix == ".py":
        return (ast.get_docstring(ast.parse(text)) or "").split("\n", 1)[0]
    return text.split("\n", 1)[0].strip("#/*<!-> ")


# Markdown


def _page(title: str, parts: Iterable[str]) -> str:
    return "\n\n".join([f"# {title}", MARK, *(part for part in parts if part)]) + "\n"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def _code(language: str, text: str) -> str:
    return f"```{language}\n{text}\n```"


def _prose(docstring: str) -> str:
    """Return a docstring as paragraphs."""
    return "\n\n".join(" ".join(part.split()) for part in docstring.split("\n\n"))


def _sentence(documented: Any) -> str:
    """Return a docstring's first sentence in one line, without the imperative it begins with."""
    text = " ".join((inspect.getdoc(documented) or "").split()).split(". ")[0].rstrip(".")
    return re.sub(r"^Return ", "", text) + "."


def _first_line(documented: Any) -> str:
    return (inspect.getdoc(documented) or "").split("\n", 1)[0]


def _anchor(title: str) -> str:
    return re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-")


def _json(value: Any) -> str:
    """Return indented JSON whose short objects and lists stand in one line."""
    text = json.dumps(value, ensure_ascii=False, indent=2)
    for _ in range(2):  # innermost first, then what holds them
        text = re.sub(r"\[[^\[\]{}]*\]|\{[^{}]*\}", _in_one_line, text)
    return text


def _in_one_line(found: re.Match[str]) -> str:
    line = re.sub(r"\s*\n\s*", " ", found[0])
    line = re.sub(r"\[ | \]", lambda edge: edge[0].strip(), line)
    return line if len(line) <= SHORT else found[0]


def _inline(mapping: Mapping[str, str]) -> str:
    return "{" + ", ".join(f"{key}: {value}" for key, value in mapping.items()) + "}"


def _shown(value: Any) -> Any:
    """Return a raw value as JSON can hold it: an array or bytes by what they are."""
    if isinstance(value, Mapping):
        return {key: _shown(one) for key, one in value.items()}
    if isinstance(value, np.ndarray):
        return f"{value.dtype}{list(value.shape)}"
    return f"{len(value)} bytes" if isinstance(value, bytes) else value


def _value(value: Any) -> str:
    """Return a default as YAML writes it."""
    if isinstance(value, BaseModel):
        return ""
    return f"`{json.dumps(value, ensure_ascii=False)}`"


def _type(hint: Any) -> str:
    """Return a type in words."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (Union, types.UnionType):
        return _either([_type(one) for one in arguments])
    if origin is Literal:
        return _either([f"`{one}`" for one in arguments])
    if origin is dict:
        return f"mapping ({_type(arguments[0])}: {_type(arguments[1])})"
    if origin is list or (origin is tuple and arguments[-1] is Ellipsis):
        return f"list ({_type(arguments[0])})"
    if origin is tuple:
        return f"list of {len(arguments)} ({_either(sorted({_type(one) for one in arguments}))})"
    words = {int: "whole number", float: "number", str: "text", bool: "true or false", Any: "anything"}
    if hint is type(None):
        return "null"
    if isinstance(hint, type) and issubclass(hint, BaseModel):
        return hint.__name__.lower()
    return words.get(hint, str(hint))


def _either(words: Sequence[str]) -> str:
    return " or ".join(filter(None, [", ".join(words[:-1]), words[-1]]))


if __name__ == "__main__":
    sys.exit(main())
