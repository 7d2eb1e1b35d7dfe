"""The documents hold together: their commands parse, their jobs are valid, their links and paths lead somewhere."""

from __future__ import annotations

import ast
import re
import shlex
import tomllib
from collections import Counter
from pathlib import Path

import pytest
import typer
import yaml

from docs.markdown import ROOT, anchors, blocks, commands, documents, headings, links
from noria import cli
from noria.contract import registry
from noria.job.load import load_job, shipped_jobs
from noria.service.plans import plans_of

DOCUMENTS = documents()
NAMES = [path.relative_to(ROOT).as_posix() for path in DOCUMENTS]
FOLDERS = ("docs/tasks/", "docs/reference/", "docs/zh/tasks/", "docs/zh/reference/")
GENERATED = [name for name in NAMES if name.startswith(FOLDERS)]
BY_HAND = [name for name in NAMES if name not in GENERATED]
READMES = ("README.md", "README.zh-CN.md")
GUIDES = ("docs/guide.md", "docs/zh/guide.md")
SERVING = ("docs/serving.md", "docs/zh/serving.md")
SOURCE = ROOT / "src" / "noria"
HOSTS = {"127.0.0.1:8000", "keepachangelog.com", "semver.org", "www.apache.org", "json-schema.org"}
# The tasks that CONTRIBUTING.md adds: tests/docs/test_contributing.py adds them and runs the commands.
ADDED = {
    Path(block.name).stem.replace("_", "-")
    for block in blocks((ROOT / "CONTRIBUTING.md").read_text("utf-8"))
    if block.name.startswith("src/noria/tasks/")
}
# A file of one machine: a path from the root of its disk, of two parts or more.
ABSOLUTE = re.compile(r"(?<![\w.:/~)>}-])(?<!GET )(?<!POST )(?!/v1/)/\w[\w.-]*/[\w.-]+")


def text_of(name):
    return (ROOT / name).read_text("utf-8")


def test_the_documents_are_all_there():
    assert set(BY_HAND) >= {*READMES, *GUIDES, "CONTRIBUTING.md", "CHANGELOG.md", "docs/index.md"}
    assert len(GENERATED) >= 7
    assert {"image-regression", "bits-classification", "tabular-rating"} == ADDED


@pytest.mark.parametrize("name", NAMES)
def test_links_lead_to_files_and_headings_that_exist(name):
    for link in links(text_of(name)):
        path, _, anchor = link.partition("#")
        if "://" in path:
            continue
        target = (ROOT / name).parent / path if path else ROOT / name
        assert target.exists(), link
        if anchor:
            assert anchor in anchors(target.read_text("utf-8")), link


@pytest.mark.parametrize("name", [*NAMES, "LICENSE", ".pre-commit-config.yaml"])
def test_no_document_names_a_file_of_one_machine_or_a_host_it_does_not_need(name):
    text = text_of(name)
    found = ABSOLUTE.search(text)
    assert found is None, found
    if name not in GENERATED:  # those show shipped jobs, which say where their data is
        assert set(re.findall(r"https?://([^/\s)`\"]+)", text)) <= HOSTS


@pytest.mark.parametrize("name", NAMES)
def test_noria_commands_exist_with_their_options_and_jobs(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for block in blocks(text_of(name)):
        if block.language == "yaml" and block.name:
            (tmp_path / block.name).write_text(block.text, "utf-8")
    for line in commands(text_of(name)):
        words = shlex.split(line)
        if words[0] == "noria":
            check_command(words[1:], line, tmp_path)


def check_command(words, line, folder):
    """Parse as typer does, without running it; check a job that the text shows, or that ships, with its overrides."""
    group = typer.main.get_command(cli.app)
    assert words[0] in group.commands, line
    command = group.commands[words[0]]
    given = command.make_context(words[0], list(words[1:])).params
    job = given.get("job")
    if job is None or job in ADDED or Path(job).name == "best.yaml":  # what `noria tune` writes
        return
    if Path(job).suffix == ".csv":  # a bare table: a file must be there, what it holds does not matter here
        (folder / job).write_text("left\n", "utf-8")
    elif (folder / job).exists() and yaml.safe_load((folder / job).read_text("utf-8"))["task"] in ADDED:
        return
    assert (folder / job).exists() or job in shipped_jobs(), line
    load_job(job, given["overrides"] or [])


def test_the_commands_of_the_readme_are_all_that_there_are():
    said = {shlex.split(line)[1] for line in commands(text_of("README.md")) if line.startswith("noria ")}
    there = set(typer.main.get_command(cli.app).commands)
    assert there - said <= {"assistant", "demo", "list"}  # which stand in its text


@pytest.mark.parametrize("name", [*READMES, *GUIDES, *SERVING])
def test_no_section_and_no_sentence_stands_twice(name):
    text = re.sub(r"^```.*?^```$", "", text_of(name), flags=re.M | re.S)
    once = [line for line in text.splitlines() if line.startswith("#") or len(line) > 60]
    assert [line for line, count in Counter(once).items() if count > 1] == []


@pytest.mark.parametrize("name", BY_HAND)
def test_jobs_and_what_is_to_be_served_in_the_text_are_valid(name, tmp_path):
    for block in blocks(text_of(name)):
        if block.language != "yaml":
            continue
        content = yaml.safe_load(block.text)
        if "models" in content:
            (tmp_path / "serve.yaml").write_text(block.text, "utf-8")
            assert len(plans_of([tmp_path / "serve.yaml"])) == len(content["models"])
        elif content["task"] not in ADDED:
            load_job(content)


@pytest.mark.parametrize("name", BY_HAND)
def test_python_in_the_text_is_python(name):
    for block in blocks(text_of(name)):
        if block.language == "python":
            ast.parse(block.text)


@pytest.mark.parametrize("pair", [READMES, GUIDES, SERVING])
def test_both_languages_have_the_same_sections_and_commands(pair):
    english, chinese = map(text_of, pair)
    assert [level for level, _ in headings(english)] == [level for level, _ in headings(chinese)]
    assert commands(english) == commands(chinese)
    assert len(commands(english)) >= 6
    assert [yaml.safe_load(block.text) for block in blocks(english) if block.language == "yaml"] == [
        yaml.safe_load(block.text) for block in blocks(chinese) if block.language == "yaml"
    ]
    assert {link for link in links(english) if "tests/" in link} == {
        link for link in links(chinese) if "tests/" in link
    }
    numbers = [
        re.findall(r"\d[\d,.]*\d|\d", "".join(block.text for block in blocks(one))) for one in (english, chinese)
    ]
    assert numbers[0] == numbers[1]


@pytest.mark.parametrize("name", READMES)
def test_the_map_matches_the_tree(name):
    paths = paths_of_the_map(text_of(name))
    assert len(paths) >= 30
    missing = [path for path in paths if not (ROOT / path).exists()]
    assert not missing
    modules = {f"src/noria/{path.name}" for path in SOURCE.glob("*.py") if path.stem != "__init__"}
    folders = {f"src/noria/{path.name}" for path in SOURCE.glob("[!_]*") if any(path.glob("[!_]*.*"))}
    assert len(modules) >= 4
    assert len(folders) >= 15
    assert modules | folders <= set(paths)


@pytest.mark.parametrize("name", READMES)
def test_the_readme_names_the_tasks_there_are(name):
    section = next(part for part in text_of(name).split("\n## ") if part.startswith(("Tasks\n", "任务种类\n")))
    cells = [line.split("|")[2] for line in section.splitlines() if line.startswith("| ")][2:]  # head and rule
    named = re.findall(r"[a-z]+(?:-[a-z]+)*", " ".join(cells))
    assert sorted(named) == sorted(registry.names("tasks"))


def paths_of_the_map(text):
    """The paths of the tree: a line is its indentation, names between single spaces, two spaces, a purpose."""
    tree = next(block.text for block in blocks(text) if block.text.startswith("README.md"))
    folders, paths = [], []
    for line in tree.splitlines():
        depth = (len(line) - len(line.lstrip())) // 2
        names = re.split(r" {2,}", line.strip())[0].split(" ")
        for name in names:
            paths.append("/".join([*folders[:depth], name.rstrip("/")]))
        if names[0].endswith("/"):
            folders[depth:] = [names[0].rstrip("/")]
    return paths


@pytest.mark.parametrize("name", READMES)
def test_the_readme_has_one_block_for_figures(name):
    assert len(re.findall(r"^<!-- figures -->\n.*?^<!-- /figures -->$", text_of(name), re.M | re.S)) == 1


def test_the_extras_of_the_readme_are_those_of_the_package():
    extras = tomllib.loads(text_of("pyproject.toml"))["project"]["optional-dependencies"].keys()
    for name in READMES:
        section = next(part for part in text_of(name).split("\n## ") if "pip install" in part)
        named = set(re.findall(r"`([a-z0-9]+)`", "".join(re.findall(r"^\| (`.*?) \|", section, re.M))))
        assert named == extras - {"dev", "all"}


def test_the_exit_codes_of_the_guide_are_those_of_the_code():
    from noria import errors

    codes = {value for name, value in vars(errors).items() if name.startswith("EXIT_")}
    for name in GUIDES:
        cells = re.findall(r"^\| (\d[\d, 、]*) \|", text_of(name), re.M)
        assert {int(code) for cell in cells for code in re.findall(r"\d+", cell)} == codes | {0, 1}


def test_the_hooks_are_local_and_run_what_make_check_runs():
    (repository,) = yaml.safe_load(text_of(".pre-commit-config.yaml"))["repos"]
    assert repository["repo"] == "local"
    assert {hook["language"] for hook in repository["hooks"]} == {"system"}
    makefile = text_of("Makefile")
    for hook in repository["hooks"]:
        assert hook["entry"] in makefile


def test_the_licence_is_whole():
    text = text_of("LICENSE")
    assert "The Noria authors" in text
    assert "TERMS AND CONDITIONS FOR USE, REPRODUCTION, AND DISTRIBUTION" in text
    assert "END OF TERMS AND CONDITIONS" in text
