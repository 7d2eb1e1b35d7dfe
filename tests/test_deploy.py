"""What stands in deploy/ fits the server: its options, its paths, its times, its user; and linters find nothing.

The linters stand in an environment of their own, which `make test` makes; hadolint, systemd-analyze are the system's.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
from inspect import signature
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from noria.cli import app
from noria.service.app import Service
from noria.service.fleet.models import Models, Plan
from noria.service.request.limits import Limits
from noria.service.serve import serve

ROOT = Path(__file__).parents[1]
DEPLOY = ROOT / "deploy"
LINTERS = Path(os.environ.get("NORIA_LINTERS", ROOT / ".venv" / ".linters")) / "bin"
DOCKERFILE = (DEPLOY / "Dockerfile").read_text("utf-8")
UNIT = (DEPLOY / "noria.service").read_text("utf-8")
BATCH_UNIT = (DEPLOY / "noria-batch.service").read_text("utf-8")
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))
MANIFESTS = [path for path in sorted((DEPLOY / "kubernetes").glob("*.yaml")) if path.stem != "kustomization"]
OBJECTS = {path.stem: yaml.safe_load(path.read_text("utf-8")) for path in MANIFESTS}
POD = OBJECTS["deployment"]["spec"]["template"]["spec"]
(CONTAINER,) = POD["containers"]


def entrypoint() -> list[str]:
    found = re.search(r"^ENTRYPOINT (\[.*\])$", DOCKERFILE, re.MULTILINE)
    assert found
    return list(yaml.safe_load(found[1]))


def commands() -> dict[str, list[str]]:
    """Return every command line that starts the server, by where it stands."""
    image = entrypoint()
    usual = re.search(r"^CMD (\[.*\])$", DOCKERFILE, re.MULTILINE)
    unit = re.search(r"^ExecStart=(.*)$", UNIT, re.MULTILINE)
    assert usual
    assert unit
    return {
        "Dockerfile": [*image, *yaml.safe_load(usual[1])],
        "compose": [*image, *COMPOSE["services"]["noria"]["command"]],
        "kubernetes": [*image, *CONTAINER["args"]],
        "systemd": ["noria", *shlex.split(unit[1])[1:]],
    }


@pytest.mark.parametrize("place", list(commands()))
def test_the_server_knows_every_option_of_its_command(place: str) -> None:
    name, verb, *arguments = commands()[place]
    assert (name, verb) == ("noria", "serve")
    command: Any = typer.main.get_command(app)
    context = command.commands["serve"].make_context("serve", list(arguments))
    assert context.params["run"] == [one for one in arguments if one.endswith("serve.yaml")]


def test_batches_go_on_by_a_unit_whose_command_there_is() -> None:
    found = re.search(r"^ExecStart=(.*)$", BATCH_UNIT, re.MULTILINE)
    assert found
    name, group, verb, *arguments = shlex.split(found[1])
    assert (name, group, verb) == ("/opt/noria/bin/noria", "batch", "work")
    command: Any = typer.main.get_command(app)
    assert command.commands["batch"].commands["work"].make_context("work", list(arguments)).params["workers"] == 1
    assert re.search(r"^Restart=always$", BATCH_UNIT, re.MULTILINE)


def test_what_outlives_a_process_is_kept_where_it_may_write() -> None:
    found = re.search(r"NORIA_HOME=(\S+)", DOCKERFILE)
    assert found
    home = found[1]
    assert re.search(rf"^VOLUME {home}$", DOCKERFILE, re.MULTILINE)
    assert f"-o 10001 -g 10001 -m 700 {home}" in DOCKERFILE
    (volume,) = [one for one in COMPOSE["services"]["noria"]["volumes"] if one.endswith(f":{home}")]
    assert volume.split(":")[0] in COMPOSE["volumes"]
    assert [one["name"] for one in CONTAINER["volumeMounts"] if one["mountPath"] == home] == ["home"]
    for unit in (UNIT, BATCH_UNIT):
        state = re.search(r"^StateDirectory=(\S+)$", unit, re.MULTILINE)
        assert state
        assert f"NORIA_HOME=%S/{state[1]} " in unit


def test_probes_ask_paths_that_there_are() -> None:
    async def nothing(_: Plan) -> list[Any]:
        return []

    paths = {route.path for route in Service(Models(Limits(), nothing, lambda _: None), Limits()).routes()}
    ready = CONTAINER["readinessProbe"]["exec"]["command"][-1]
    asked = {
        CONTAINER["startupProbe"]["httpGet"]["path"],
        CONTAINER["livenessProbe"]["httpGet"]["path"],
        *re.findall(r"127\.0\.0\.1:8000(/\w+)", ready),
        *re.findall(r"127\.0\.0\.1:8000(/\w+)", DOCKERFILE),
    }
    assert asked == {"/livez", "/readyz"}
    assert asked <= paths


def test_programs_within_probes_compile() -> None:
    compile(CONTAINER["readinessProbe"]["exec"]["command"][-1], "the readiness probe", "exec")
    health = re.search(r'CMD \["python", "-c", "(.*)"\]', DOCKERFILE)
    assert health
    compile(health[1], "HEALTHCHECK", "exec")


def test_there_is_time_enough_to_finish_what_has_begun() -> None:
    usual = {name: one.default for name, one in signature(serve).parameters.items()}
    needed = usual["notice_seconds"] + usual["drain_seconds"]
    waited = CONTAINER["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert POD["terminationGracePeriodSeconds"] > needed + waited
    assert int(COMPOSE["services"]["noria"]["stop_grace_period"].removesuffix("s")) > needed
    stop = re.search(r"^TimeoutStopSec=(\d+)$", UNIT, re.MULTILINE)
    start = re.search(r"^TimeoutStartSec=(\d+)$", UNIT, re.MULTILINE)
    assert stop
    assert start
    assert int(stop[1]) > needed
    probe = CONTAINER["startupProbe"]
    for seconds in (int(start[1]), probe["periodSeconds"] * probe["failureThreshold"]):
        assert seconds > Limits().start_seconds


def test_the_server_runs_without_rights_everywhere() -> None:
    user = re.findall(r"^USER (\d+):(\d+)$", DOCKERFILE, re.MULTILINE)[-1]
    assert user == (str(POD["securityContext"]["runAsUser"]), str(POD["securityContext"]["runAsGroup"]))
    assert POD["securityContext"]["runAsNonRoot"]
    assert CONTAINER["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    service = COMPOSE["services"]["noria"]
    assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"])
    assert [one for one in service["ports"] if not one.startswith("127.0.0.1:")] == []
    assert "DynamicUser=yes" in UNIT


def test_what_is_selected_is_what_is_labelled() -> None:
    labels = OBJECTS["deployment"]["spec"]["template"]["metadata"]["labels"]
    selectors = [
        OBJECTS["deployment"]["spec"]["selector"]["matchLabels"],
        OBJECTS["service"]["spec"]["selector"],
        OBJECTS["disruption"]["spec"]["selector"]["matchLabels"],
        OBJECTS["network"]["spec"]["podSelector"]["matchLabels"],
    ]
    assert selectors == [labels] * 4
    volumes = {one["name"] for one in POD["volumes"]}
    assert {one["name"] for one in CONTAINER["volumeMounts"]} == volumes
    listed = yaml.safe_load((DEPLOY / "kubernetes" / "kustomization.yaml").read_text("utf-8"))["resources"]
    assert sorted(listed) == [path.name for path in MANIFESTS]


def test_no_key_stands_in_a_file() -> None:
    for path in DEPLOY.rglob("*"):
        text = path.read_text("utf-8") if path.is_file() else ""
        assert not re.search(r"(?i)(key|token|password)\s*[:=]\s*[\"']?[A-Za-z0-9_-]{20,}", text), path


def ran(tool: Path | str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a linter; skip where it is not there."""
    found = shutil.which(str(tool))
    if found is None:
        pytest.skip(f"{Path(tool).name} is not installed")
    return subprocess.run([found, *map(str, arguments)], capture_output=True, text=True, check=False, timeout=120)


def test_yamllint_finds_nothing() -> None:
    rules = {"line-length": {"max": 120}, "document-start": "disable", "comments": {"min-spaces-from-content": 1}}
    config = json.dumps({"extends": "default", "rules": rules})
    done = ran(LINTERS / "yamllint", "--strict", "-d", config, DEPLOY)
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.stem)
def test_a_manifest_is_what_kubernetes_takes(path: Path) -> None:
    done = ran(LINTERS / "kubernetes-validate", "--strict", path)
    assert done.returncode == 0, done.stdout + done.stderr


def test_hadolint_finds_nothing() -> None:
    done = ran("hadolint", DEPLOY / "Dockerfile")
    assert done.returncode == 0, done.stdout


def test_nothing_is_installed_by_a_name_that_is_another_projects_in_the_package_index() -> None:
    pages = [*DEPLOY.iterdir(), *ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("src/**/*.py")]
    texts = {str(path.relative_to(ROOT)): path.read_text("utf-8") for path in pages if path.is_file()}
    assert {"deploy/noria.service", "README.md", "docs/zh/serving.md", "src/noria/errors.py"} <= texts.keys()
    named = re.compile(r"pip install (?:-\S+ )*['\"]?noria\b")
    assert [name for name, text in texts.items() if named.search(text)] == []


@pytest.mark.parametrize("name", ["noria.service", "noria-batch.service"])
def test_systemd_takes_the_unit_and_finds_it_shut(name: str, tmp_path: Path) -> None:
    unit = tmp_path / name
    unit.write_text((DEPLOY / name).read_text("utf-8").replace("/opt/noria/bin/noria ", "/bin/true "), "utf-8")
    done = ran("systemd-analyze", "verify", unit)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
    told = ran("systemd-analyze", "security", "--offline=true", unit).stdout
    exposure = re.search(rf"Overall exposure level for {re.escape(name)}: ([\d.]+)", told)
    assert exposure
    assert float(exposure[1]) <= 2.0  # of 10: what is left is the network and memory that may be written and run
