"""Write the generated pages of docs/ from the code: a page a task, every key of the job file, the commands, the map.

    python tools/docs.py            write them        python tools/docs.py --check    only say which are out of date
    python tools/docs.py --missing  print the texts that docs/zh/strings.yaml does not translate yet, to fill in
    python tools/docs.py --fill     read these from standard input into the catalogue; drop what no page says

Everything comes from what runs: dataclass fields, pydantic models, docstrings, typer's own help. A test compares the
files with `pages()`. What people write by hand stands in docs/index.md, docs/guide.md and docs/zh/.

A page is made once, with marks around each text for people: `_t("Metrics")`. `rendered` takes them off, for English,
or puts the catalogue's text in their place, for docs/zh/tasks and docs/zh/reference. A catalogue is {English: Chinese};
without docs/zh/strings.yaml there are English pages only. After a change of an English text:

    python tools/docs.py --missing > new.yaml        (fill in new.yaml)
    python tools/docs.py --fill < new.yaml && python tools/docs.py
"""

from __future__ import annotations

import ast
import dataclasses
import difflib
import functools
import inspect
import json
import re
import sys
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import typer
import yaml
from pydantic import BaseModel

from noria import cli, errors, job
from noria.contract import Task, answer_field, dispatch, registry
from noria.contract.capabilities import PredictsBaseline, declared
from noria.contract.examples import column, fitted, records_like
from noria.contract.settings import in_words, lines_of, settings_of
from noria.service.asking.operation import About
from noria.service.request.inputs import inputs_of, record_schema
from noria.service.serve import example_command
from noria.types import Dataset

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "noria"
MARK = "<!-- Written by `python tools/docs.py` from the code. Change the code, not this page. -->"
HELP_WIDTH = 100  # characters
SHORT = 90  # characters that JSON puts into one line
RECORDS = 8  # like the example, that its page is made with
URL = "http://127.0.0.1:8000"
SHOWN_BASE64 = 24  # signs of a file that an answer holds
CATALOGUE = ROOT / "docs" / "zh" / "strings.yaml"
FOLDERS = ("docs/tasks", "docs/reference", "docs/zh/tasks", "docs/zh/reference")
FULL_WIDTH = ("\uff1a", "\u3002", "\uff0c", "\uff1b")  # colon, full stop, comma, semicolon
BEGIN, END = "\ue000", "\ue001"  # around a text for people; for private use, so that no text holds them


def main() -> int:
    """Write what differs, or with --check only name it; return the exit code."""
    if "--missing" in sys.argv[1:]:
        sys.stdout.write(to_fill(catalogue() or {}))
        return 0
    if "--fill" in sys.argv[1:]:
        CATALOGUE.write_text(as_yaml(filled(catalogue() or {}, yaml.safe_load(sys.stdin) or {})), "utf-8")
        return 0
    is_check = "--check" in sys.argv[1:]
    differing = stale()
    for path in differing:
        sys.stdout.write(f"{'out of date' if is_check else 'wrote'}: {path}\n")
    if not is_check:
        write(differing)
    return 1 if is_check and differing else 0


@functools.cache
def marked_pages() -> dict[str, str]:
    """Return every page by its path below docs/, each text for people between marks."""
    names = registry.names("tasks")
    made = {f"tasks/{name}.md": task_page(name) for name in names}
    made["tasks/index.md"] = tasks_page(names)
    made["reference/job.md"] = job_page()
    made["reference/cli.md"] = cli_page()
    made["reference/map.md"] = map_page()
    return made


def pages(words: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return every generated page by its path: the English ones, and those in Chinese where there is a catalogue."""
    words = catalogue() if words is None else words
    made = {f"docs/{path}": rendered(text, lambda one: one) for path, text in marked_pages().items()}
    if words is not None:
        made |= {
            f"docs/zh/{path}": rendered(text, lambda one: words.get(one) or one)
            for path, text in marked_pages().items()
        }
    return made


def rendered(marked: str, translate: Callable[[str], str]) -> str:
    """Return a page whose texts for people are translated. A bar stays escaped where the text stands in a table.

    No space follows a full-width sign, which has one in itself; but one before a table's bar stays.
    """

    def replaced(found: re.Match[str]) -> str:
        text = translate(found[1].replace("\\|", "|"))
        space = "" if text.endswith(FULL_WIDTH) else found[2]
        return (text.replace("|", "\\|") if "\\|" in found[1] else text) + space

    return re.sub(f"{BEGIN}(.*?){END}((?: (?!\\|))?)", replaced, marked, flags=re.DOTALL)


def strings() -> list[str]:
    """Return every text for people that stands in a page, in the order of their first places, each once."""
    found = (one for text in marked_pages().values() for one in re.findall(f"{BEGIN}(.*?){END}", text, re.DOTALL))
    return list(dict.fromkeys(one.replace("\\|", "|") for one in found))


def catalogue() -> dict[str, str] | None:
    """Return the Chinese text of each English one; None where the file is not there."""
    return yaml.safe_load(CATALOGUE.read_text("utf-8")) if CATALOGUE.exists() else None


def missing(words: Mapping[str, str]) -> list[str]:
    """Return the texts that a catalogue does not translate."""
    return [one for one in strings() if not words.get(one)]


def unused(words: Mapping[str, str]) -> list[str]:
    """Return what a catalogue translates although no page says it any more."""
    return sorted(set(words) - set(strings()))


def to_fill(words: Mapping[str, str]) -> str:
    """Return what is missing as YAML to fill in, each below the translation of the text that it seems to replace."""
    old, lines = unused(words), []
    for one in missing(words):
        lines += [f"# {words[near]}\n" for near in difflib.get_close_matches(one, old, 1)]
        lines.append(as_yaml({one: ""}))
    return "".join(lines)


def filled(words: Mapping[str, str], new: Mapping[str, str]) -> dict[str, str]:
    """Return a catalogue with new translations, in the order of the pages, without those that no page needs."""
    both = {**words, **{english: text for english, text in new.items() if text}}
    return {one: both[one] for one in strings() if one in both}


def as_yaml(words: Mapping[str, str]) -> str:
    """Return a catalogue as it is written: each text in one line, so that a difference is easy to read."""
    return yaml.safe_dump(dict(words), allow_unicode=True, sort_keys=False, width=10**6)


def stale() -> list[str]:
    """Return the paths of pages that are missing, out of date, or no longer made."""
    made = pages()
    there = {path.relative_to(ROOT).as_posix() for folder in FOLDERS for path in (ROOT / folder).glob("*.md")}
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

TAKEN = {
    "file": "One value is the bytes of a file.",
    "cell": "One value is one cell.",
    "columns": "One value is several columns at once.",
}


def tasks_page(names: Sequence[str]) -> str:
    """Return the list of the tasks."""
    rows = [[f"[{name}]({name}.md)", _t(_first_line(registry.component_class("tasks", name)))] for name in names]
    return _page(_t("Tasks"), [_t("`noria list tasks` prints the same."), _table(["task", "what it does"], rows)])


def task_page(name: str) -> str:
    """Return the page of one task."""
    task = registry.task(name)
    parts = [_prose(inspect.getdoc(type(task)) or "")]
    for field, modality in task.inputs.items():
        about = f"{_t('Input')} `{field}`: {modality.kind}"
        parts += [f"## {about}", _t(TAKEN[modality.raw_type]), *_settings(modality, f"inputs.{field}")]
    answer = answer_field(task)
    parts += [f"## {_t('Answer')}: {answer}", *_settings(task.target, "target")]
    parts += [f"## {_t('Example record')}", _code("json", _json(_shown(task.example().fields)))]
    parts += [f"## {_t('Metrics')}", *_metrics(task), f"{_t('Baseline:')} {_t(_sentence(_trivial(task)))}"]
    parts += [f"## {_t('Job')}", *_job(name, task)]
    parts += ["## HTTP", *_http(task)]
    return _page(name, parts)


def _trivial(task: Task) -> Any:
    """Return the function whose docstring says what the trivial answer is."""
    own = declared(task, PredictsBaseline)
    return own.predict_baseline if own is not None and own.predict_baseline.__doc__ else task.fit_baseline


def _settings(component: Any, path: str) -> list[str]:
    """Return the docstring of a modality or a target, and its settings, each with its line."""
    found = settings_of(component)
    rows = [[f"`{path}.{one.name}`", _t(in_words(one.type)), _value(one.default), _t(one.line)] for one in found]
    parts = [_prose(inspect.getdoc(type(component)) or "")]
    prepared = ", ".join(f"`{one.name}`" for one in found if not one.network_only)
    anew = f"{_t('A change of these prepares the data anew:')} {prepared}{_t('.')}" if prepared else ""
    return [*parts, _table(["setting", "type", "default", "what it does"], rows), anew] if rows else parts


def _metrics(task: Task) -> list[str]:
    """Return the metrics as a table; those that only two different answers have are marked."""
    always = {metric.name for metric in task.target.metrics(fitted(task, _records(task, 3))["target"])}
    metrics = task.target.metrics(fitted(task, _records(task, 2))["target"])
    rows = [
        [
            _t(f"`{one.name}`"),  # whose name in a language's papers stands beside it
            _t(one.unit),
            _t(f"{one.direction} is better"),
            "" if one.name in always else _t("two classes only"),
        ]
        for one in metrics
    ]
    chosen = task.defaults.get("train", {}).get("best_by") or metrics[0].name
    return [
        _table(["metric", "unit", "direction", "where"], rows),
        f"{_t('Each score comes with n and a 95 % bootstrap interval.')} `{chosen}`"
        f" {_t('on the validation split chooses the weights that are kept; `train.best_by` names another.')}",
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
        _t(
            "`fields` says which column fills which field, here of a table with other names. Every key:"
            " [job file](../reference/job.md)."
        ),
    ]
    if task.defaults:
        defaults = yaml.safe_dump(dict(task.defaults), sort_keys=False, default_flow_style=None).rstrip()
        parts += [_t("What this task sets unless the job says otherwise:"), _code("yaml", defaults)]
    if task.defaults_without_model:
        more = yaml.safe_dump(dict(task.defaults_without_model), sort_keys=False, default_flow_style=None).rstrip()
        parts += [_t("And over that where the job says nothing of its model:"), _code("yaml", more)]
    for shipped, path in job.shipped_jobs().items():
        text = path.read_text("utf-8").rstrip()
        if yaml.safe_load(text)["task"] == name:
            parts += [f"{_t('Shipped job')} `{shipped}`:", _code("yaml", text)]
    return parts


def _http(task: Task) -> list[str]:
    """Return the request, the schema of a record and an answer, as the server gives them."""
    example = task.example().fields
    columns = {field: list(example[field]) for field, one in task.inputs.items() if one.raw_type == "columns"}
    states = fitted(task, [dict(example), *records_like(task, 30)])
    inputs = inputs_of(typing.cast(Any, SimpleNamespace(task=task, config={"fields": columns}, states=states)))
    inputs = [dataclasses.replace(one, facts={}) for one in inputs]  # of no training values: these are made up
    told = {"inputs": [dataclasses.asdict(one) for one in inputs], "media_type": dispatch.media_type(task.target)}
    command = example_command(About("NAME", "", True, told), f"{URL}/predict", needs_key=False)
    return [
        _t(
            "`noria serve RUN` answers `POST /predict`, as multipart/form-data or as JSON"
            ' (`{"records": [...]}` or one record). `GET /schema` gives the schema of the model it serves:'
        ),
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
    shown = prediction.as_json()
    if "media" in shown:
        shown["media"]["base64"] = f"{shown['media']['base64'][:SHOWN_BASE64]}..."
    return shown


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
    parts = [
        _t(
            "A job file is YAML. A key that is not here is an error, and so is a value of the wrong type; all problems"
            " are reported at once. `key=value` after a command overrides any key: `train.minutes=5`,"
            " `data.path=photos`, `model.depth=2`. The [guide](../guide.md) says how they go together."
        ),
        *_section(job.Job, ""),
        f"## {_t('Sizes of the trunk')}",
        _code("yaml", (SOURCE / "model" / "sizes.yaml").read_text("utf-8").rstrip()),
    ]
    return _page(_t("The job file"), parts)


def _section(model: type[BaseModel], prefix: str) -> list[str]:
    """Return a table of one section's keys, and then the sections below it."""
    rows, below, lines = [], [], lines_of(model)
    for name, field in model.model_fields.items():
        key = f"{prefix}{field.alias or name}"
        section = _model(field.annotation)
        if section is not None:
            below += [f"## {key}", *_section(section, f"{key}.")]
        default = _value(field.get_default(call_default_factory=True)) if not field.is_required() else _t("required")
        limits = filter(None, (_limit(one) for one in field.metadata))
        kind = _t(", ".join([in_words(field.annotation), *limits]))
        kind = f"{_t('section')} [{key}](#{_anchor(key)})" if section else kind
        rows.append([f"`{key}`", kind, "" if section else default, _t(lines[name])])
    own = [_prose(inspect.getdoc(model) or ""), _table(["setting", "type", "default", "what it does"], rows)]
    if model is job.Job:
        own.append(_t("The settings of `inputs` and `target` are those of the task: see [tasks](../tasks/index.md)."))
    if model is job.Tune:
        own += [_t("A range of `tune.space`:"), *_section(job.Range, "")]
    return own + below


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
    """Return every command with its arguments and options, and the exit codes."""
    group = typing.cast(Any, typer.main.get_command(cli.app))
    top = group.context_class(group, info_name="noria", terminal_width=HELP_WIDTH)
    rows = [[f"[{name}](#noria-{name})", _t(command.help)] for name, command in group.commands.items()]
    parts = [_code("text", group.get_usage(top)), _t(group.help), _t("`--help` after a command prints the same.")]
    parts.append(_table(["command", "what it does"], rows))
    for name, command in group.commands.items():
        context = command.context_class(command, info_name=name, parent=top, terminal_width=HELP_WIDTH)
        rows = [_option(one, context) for one in command.params if not one.hidden]
        parts += [f"## noria {name}", _t(command.help), _code("text", command.get_usage(context))]
        parts.append(_table(["argument or option", "default", "meaning"], rows))
    return _page(_t("The commands"), [*parts, f"## {_t('Exit codes')}", *_exit_codes()])


def _option(option: Any, context: Any) -> list[str]:
    """Return the row of an argument or an option."""
    spelling = option.get_help_record(context)[0]
    if option.required:
        default = _t("required")
    else:
        given = str(option.default) if isinstance(option.default, Path) else option.default
        default = _value(given) if given else ""
    return [f"`{spelling}`", default, _t(option.help)]


def _exit_codes() -> list[str]:
    lines = (SOURCE / "errors.py").read_text("utf-8").splitlines()
    found = [re.match(r"EXIT_(\w+) = (\d+)(?:  # (.*))?$", line) for line in lines]
    rows = [[one[2], _t(one[1].lower().replace("_", " ")), _t(one[3] or "")] for one in found if one]
    assert len(rows) == sum(name.startswith("EXIT_") for name in vars(errors))
    known = [["0", _t("done"), ""], ["1", _t("a bug in Noria"), _t("with its trace")]]
    return [_table(["code", "meaning", "note"], [*known, *rows])]


# The map


def map_page() -> str:
    """Return every file of the package with the first line of what it says about itself."""
    folders = [SOURCE, *sorted(path for path in SOURCE.rglob("*") if path.is_dir() and path.name != "__pycache__")]
    parts = [_t("Every file of `src/noria` with the first line of its own documentation.")]
    for folder in folders:
        name = "src/noria" if folder == SOURCE else f"src/noria/{folder.relative_to(SOURCE).as_posix()}"
        files = sorted(p for p in folder.iterdir() if p.suffix in (".py", ".yaml", ".css", ".html", ".js"))
        rows = [[f"`{p.name}`", _t(purpose(p))] for p in files if p.name != "__init__.py" or folder == SOURCE]
        init = folder / "__init__.py"
        about = [_t(purpose(init))] if folder != SOURCE and init.exists() else []
        parts += [f"## {name}", *about, _table(["file", "purpose"], rows)]
    return _page(_t("The map"), parts)


def purpose(path: Path) -> str:
    """Return the first line that a file says about itself: of its docstring, or of its first comment."""
    text = path.read_text("utf-8")
    if path.suffix == ".py":
        return (ast.get_docstring(ast.parse(text)) or "").split("\n", 1)[0]
    return text.removeprefix("<!doctype html>\n").split("\n", 1)[0].strip("#/*<!-> ")


# Markdown


def _t(text: str) -> str:
    """Annotation a text for people."""
    return f"{BEGIN}{text}{END}" if text else ""


def _page(title: str, parts: Iterable[str]) -> str:
    return "\n\n".join([f"# {title}", MARK, *(part for part in parts if part)]) + "\n"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [[_t(cell) for cell in head], ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def _code(language: str, text: str) -> str:
    return f"```{language}\n{text}\n```"


def _prose(docstring: str) -> str:
    """Return a docstring as paragraphs, each a text of its own."""
    return "\n\n".join(_t(" ".join(part.split())) for part in docstring.split("\n\n"))


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
    if isinstance(value, tuple) and len(value) == 2 and isinstance(value[0], np.ndarray):
        return f"sound of {len(value[0])} samples, {value[1]} a second"
    if isinstance(value, np.ndarray):
        return f"{value.dtype}{list(value.shape)}"
    return f"{len(value)} bytes" if isinstance(value, bytes) else value


def _value(value: Any) -> str:
    """Return a default as YAML writes it."""
    if isinstance(value, BaseModel):
        return ""
    return f"`{json.dumps(value, ensure_ascii=False)}`"


if __name__ == "__main__":
    sys.exit(main())
