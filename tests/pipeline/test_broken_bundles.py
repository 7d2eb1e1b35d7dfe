"""A bundle that cannot be loaded says so in one sentence, whatever is wrong with it, and at once."""

from __future__ import annotations

import copy
import json
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load as load_arrays
from safetensors.numpy import save as save_arrays

from golden import bundles
from noria.errors import UserError
from noria.pipeline.predictor import load
from noria.reporter import Silent
from noria.stages.evaluate import evaluate
from noria.stages.train import train
from noria.store.digests import sealed
from tiny_data import tiny_job

TASK = "tabular-classification"
DEADLINE_SECONDS = 30  # of each: none takes a tenth of a second, and one that never ended would take for ever
LEAST_VARIANTS = 70
Change = Callable[[Path], None]


@pytest.fixture(scope="module")
def whole(trained: Callable[[str], Path]) -> Path:
    return trained(TASK) / "bundle"


def config_changes(config: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield broken configs by name: each key gone, of another kind, or absurd; sealed, as a careful hand would."""
    for path in paths_of(config):
        name = ".".join(path)
        found = at(config, path)
        if name.split(".")[0] in ("data", "digest", "states_sha256") or name == "job.train":
            continue  # what is shown to people only, may be left out, or is sealed anyway
        for wrong in wrong_values(found):
            yield f"{name} is {wrong!r}", with_value(config, path, wrong)
    for key in ("job", "states", "weights", "fields", "arrays", "baseline", "task", "format", "states.target"):
        changed = copy.deepcopy(config)
        *above, last = key.split(".")
        at(changed, above).pop(last)
        yield f"{key} is gone", changed
    for key, absurd in ABSURD.items():
        yield f"{key} is {absurd}", with_value(config, key.split("."), absurd)
    yield "an array is nowhere", with_value(config, ["states", "target", "classes"], {"$array": "nowhere"})


ABSURD = {
    "job.model.depth": 10**9,
    "job.model.width": 10**9,
    "job.model.heads": 10**9,
    "job.model.mlp_ratio": 1e9,
    "job.model.rotary_base": -1,
    "job.train.seed": -1,
    "job.train.batch_size": 10**12,
    "job.evaluate.batch_size": 10**12,
    "weights.count": "many",
}


def paths_of(config: dict[str, Any]) -> list[list[str]]:
    """List what is broken: the sections, the job's sections, and each part of what was learnt."""
    top = [[key] for key in config]
    return [*top, ["job", "model"], ["job", "train"], ["job", "data"], ["states", "inputs"], ["states", "target"]] + [
        ["states", "inputs", name] for name in config["states"]["inputs"]
    ]


def wrong_values(found: Any) -> list[Any]:
    return [one for one in (None, [], 3, "text", {}) if type(one) is not type(found)]


def at(config: Any, path: list[str]) -> Any:
    for key in path:
        config = config[key]
    return config


def with_value(config: dict[str, Any], path: list[str], value: Any) -> dict[str, Any]:
    changed = copy.deepcopy(config)
    at(changed, path[:-1])[path[-1]] = value
    return changed


def written(content: bytes) -> Change:
    return lambda bundle: void((bundle / "config.json").write_bytes(content))


def void(_: object) -> None:
    pass


def reweighted(change: Callable[[dict[str, np.ndarray]], dict[str, np.ndarray]]) -> Change:
    return lambda bundle: bundles.rewrite_weights(bundle, change)


def raw_weights(data: bytes) -> Change:
    """Replace the file of weights by bytes that the config knows the digest of."""
    import hashlib

    def change(bundle: Path) -> None:
        (bundle / "model.safetensors").write_bytes(data)
        digest = hashlib.sha256(data).hexdigest()
        bundles.rewrite_config(bundle, lambda config: config["weights"].update(sha256=digest))

    return change


def instead(name: str) -> Change:
    """Put a folder where a file was."""

    def change(bundle: Path) -> None:
        (bundle / name).unlink()
        (bundle / name).mkdir()

    return change


def file_changes(whole: Path) -> Iterator[tuple[str, Change]]:
    text = (whole / "config.json").read_bytes()
    weights = (whole / "model.safetensors").read_bytes()
    for share in (0.0, 0.01, 0.5, 0.99):
        yield f"config cut at {share}", written(text[: int(share * len(text))])
        cut = weights[: int(share * len(weights))]
        yield f"weights cut at {share}", lambda bundle, cut=cut: void((bundle / "model.safetensors").write_bytes(cut))
        yield f"weights cut at {share} and digested", raw_weights(cut)
    for name, content in {
        "an empty list": b"[]", "null": b"null", "a number": b"3", "no UTF-8": b"\xff\xfe{}", "deep": b"[" * 200_000,
        "an empty object": b"{}", "infinite": b'{"format": Infinity}', "true": b'{"format": true}',
    }.items():  # fmt: skip
        yield f"config is {name}", written(content)
    place = text.index(b'"tabular')
    for flipped in (place + 2, len(text) // 2, len(text) - 200):
        changed = bytearray(text)
        changed[flipped] ^= 1
        yield f"config flipped at {flipped}", written(bytes(changed))
    first = next(iter(load_arrays(weights)))
    yield "no weights of a name", reweighted(lambda all_: {k: v for k, v in all_.items() if k != first})
    yield "weights of another name", reweighted(lambda all_: {f"x.{k}": v for k, v in all_.items()})
    yield "weights of another shape", reweighted(lambda all_: all_ | {first: np.zeros((1, 2, 3), np.float32)})
    yield "one weight more", reweighted(lambda all_: all_ | {"more": np.zeros(3, np.float32)})
    yield "no weights at all", raw_weights(save_arrays({}))
    yield "a header that never ends", raw_weights((2**62).to_bytes(8, "little") + b"{}")
    yield "no config", lambda bundle: (bundle / "config.json").unlink()
    yield "no weights", lambda bundle: (bundle / "model.safetensors").unlink()
    yield "a folder for a config", instead("config.json")
    yield "a folder for weights", instead("model.safetensors")


def variants(whole: Path) -> Iterator[tuple[str, Change]]:
    yield from file_changes(whole)
    config = json.loads((whole / "config.json").read_text("utf-8"))
    for name, changed in config_changes(config):
        yield name, written(json.dumps(sealed(changed)).encode())


@pytest.mark.timeout(300)
def test_every_broken_bundle_is_refused_in_one_sentence_at_once(whole: Path, tmp_path: Path) -> None:
    wrong = []
    every = list(variants(whole))
    for number, (name, change) in enumerate(every):
        bundle = tmp_path / str(number)
        shutil.copytree(whole, bundle)
        change(bundle)
        started = time.monotonic()
        try:
            load(bundle, device="cpu")
            wrong.append(f"{name}: it is loaded")
        except UserError as error:
            if "\n" in error.what or not error.where:
                wrong.append(f"{name}: {error}")
        except Exception as error:  # noqa: BLE001 (this is what is looked for)
            wrong.append(f"{name}: {type(error).__name__}: {error}")
        if time.monotonic() - started > DEADLINE_SECONDS:
            wrong.append(f"{name}: {time.monotonic() - started:.0f} seconds")
        shutil.rmtree(bundle)
    assert wrong == []
    assert len(every) >= LEAST_VARIANTS


def test_a_whole_bundle_that_was_only_written_otherwise_is_loaded(whole: Path, tmp_path: Path) -> None:
    bundle = tmp_path / "bundle"
    shutil.copytree(whole, bundle)
    config = json.loads((bundle / "config.json").read_text("utf-8"))
    (bundle / "config.json").write_text(json.dumps(config, sort_keys=True, indent=4), "utf-8")
    assert load(bundle, device="cpu").bundle.job.task == TASK


def test_a_broken_bundle_is_refused_as_a_beginning_too(whole: Path, tmp_path: Path) -> None:
    for number, content in enumerate((b"[]", b"null", b"{}", b'{"states": 1, "job": 3}', b"\xff")):
        bundle = tmp_path / str(number)
        shutil.copytree(whole, bundle)
        (bundle / "config.json").write_bytes(content)
        with pytest.raises(UserError):
            train(tiny_job(TASK, tmp_path), [f"model.from={bundle}"], run=tmp_path / "run", reporter=Silent())
        assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("name", ["prepare.json", "metrics.json"])
@pytest.mark.parametrize("content", [b"[]", b"null", b"\xff", b"{", b"[" * 200_000, b""])
def test_a_damaged_file_of_a_run_is_told(name: str, content: bytes, whole: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(whole.parent, run)
    (run / name).write_bytes(content)
    with pytest.raises(UserError, match="this file is damaged"):
        evaluate(run, reporter=Silent())


def test_what_a_training_began_with_is_told_where_it_is_damaged(whole: Path, tmp_path: Path) -> None:
    for name, content in (("prepare.json", b"{}"), ("plan.json", b'{"steps": "many"}'), ("job.yaml", b"- a")):
        run = tmp_path / name
        shutil.copytree(whole.parent, run)
        shutil.rmtree(run / "bundle")
        (run / name).write_bytes(content)
        with pytest.raises(UserError):
            train(tiny_job(TASK, tmp_path), run=run, resume=True, reporter=Silent())
