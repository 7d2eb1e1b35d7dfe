"""What is to be served: the command's RUN and NAME=RUN, or a file serve.yaml.

    models:
      digits: runs/digits
      chat: {run: runs/chat, workers: 2, threads: 4, engine: openvino, canary: {run: runs/chat-2, share: 0.05}}

Paths in the file are below its folder. Without `threads`, the CPU's cores are divided among all processes; on a Ray
cluster each takes one CPU of it, or as many as `threads` says, and as many GPUs as `gpus` says.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil
import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from noria.errors import UserError
from noria.ledger.till import name_of_run
from noria.service.fleet.canary import Canary
from noria.service.fleet.models import Plan

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")  # what stands in paths, labels and log lines as it is
MOST_WORKERS = 64


class _Canary(BaseModel):
    model_config = ConfigDict(extra="forbid")
    run: Path
    share: float = Field(0.1, gt=0, lt=1)


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid")
    run: Path
    workers: int | None = Field(None, ge=1, le=MOST_WORKERS)
    threads: int | None = Field(None, ge=1)
    gpus: float | None = Field(None, gt=0)
    engine: str | None = None
    canary: _Canary | None = None


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")
    models: dict[str, _Model] = Field(min_length=1)


def plans_of(
    runs: Sequence[str | Path], engine: str | None = None, workers: int = 1, is_on_cluster: bool = False
) -> list[Plan]:
    """Return what is to be served; raise UserError for a name that is given twice or cannot be one."""
    if not 1 <= workers <= MOST_WORKERS:
        raise UserError(
            "so many processes cannot be", where="--workers", expected=f"1 to {MOST_WORKERS}", found=str(workers)
        )
    found: list[tuple[str, _Model]] = []
    for run in runs:
        if str(run).endswith((".yaml", ".yml")):
            found += _of_file(Path(run)).items()
        else:
            name, path = _named(str(run))
            found.append((name, _Model(run=path)))
    _check_names([name for name, _ in found])
    _check_places(found, is_on_cluster)
    total = sum(one.workers or workers for _, one in found)
    cores = 1 if is_on_cluster else psutil.cpu_count(logical=False) or 1
    return [
        Plan(
            name,
            one.run,
            one.engine or engine,
            one.workers or workers,
            one.threads or max(1, cores // total),
            one.gpus or 0.0,
            None if one.canary is None else Canary(one.canary.run, one.canary.share),
        )
        for name, one in found
    ]


def _named(given: str) -> tuple[str, Path]:
    name, is_named, rest = given.partition("=")
    if is_named and NAME.fullmatch(name) and not Path(given).exists():
        return name, Path(rest).expanduser()
    path = Path(given).expanduser()
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name_of_run(path)).strip("-._") or "model", path


def _of_file(path: Path) -> dict[str, _Model]:
    try:
        content = yaml.safe_load(path.read_text("utf-8"))
    except OSError as error:
        raise UserError("the file cannot be read", where=str(path), found=error.strerror or "") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError("the file is not YAML", where=str(path), found=str(error).partition("\n")[0]) from error
    if isinstance(content, Mapping) and isinstance(content.get("models"), Mapping):
        models = {str(name): {"run": one} if isinstance(one, str) else one for name, one in content["models"].items()}
        content = {**content, "models": models}
    try:
        file = _File.model_validate(content)
    except ValidationError as error:
        raise UserError("the file does not say what to serve", where=str(path), found=_said(error)) from error
    for one in file.models.values():
        one.run = path.parent / one.run.expanduser()
        if one.canary is not None:
            one.canary.run = path.parent / one.canary.run.expanduser()
    return file.models


def _said(error: ValidationError) -> str:
    found: list[Any] = error.errors()
    return "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in found)


def _check_places(models: Sequence[tuple[str, _Model]], is_on_cluster: bool) -> None:
    for name, one in models:
        if one.gpus is not None and not is_on_cluster:
            fix = "leave `gpus` out, or give --engine ray: on this machine a model takes the GPU that it finds"
            raise UserError("GPUs are dealt out by a cluster alone", where=f"models.{name}.gpus", fix=fix)
        if one.engine == "ray":
            fix = "give --engine ray; `engine` in the file says what runs the network on the cluster's machines"
            raise UserError("a cluster is for all models or none", where=f"models.{name}.engine", fix=fix)


def _check_names(names: Sequence[str]) -> None:
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise UserError("two models have one name", found=twice[0], fix="give each its own: NAME=RUN")
    for name in names:
        if not NAME.fullmatch(name):
            fix = "give it another, by which it is asked: models: {reviews: RUN}"
            expected = "letters of English, digits, . _ -"
            raise UserError("this cannot be the name of a model", found=name, expected=expected, fix=fix)
