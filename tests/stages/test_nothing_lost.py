"""Promise 2: whatever kills a training, resumed it ends with the same bytes as one that nobody disturbed."""

from __future__ import annotations

import json
import random
import shlex
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import load_file

from children import Moments, disk_full, exit_code, finish, run_child, said, start, train_to_the_end
from noria.contract import dispatch, registry
from noria.errors import UserError
from noria.job.load import load_job
from noria.reporter import Silent
from noria.stages.train import train
from noria.training.loop import Training
from tiny_data import tiny_job

# Where nothing is to be learnt there is no step to be killed in.
TASKS = [name for name in registry.names("tasks") if not dispatch.learns_nothing(registry.task(name).target)]
KILLS = 2  # random moments a task; more of them are tried below, of one task
# Every way in which what is seen can be varied, for each task that varies it in its own way.
JOINT = {
    "rotate": 10,
    "zoom": 0.3,
    "aspect": 0.2,
    "shear": 0.1,
    "shift": 3,
    "flip": "both",
    "color_jitter": 0.3,
    "erase": 6,
}
VARIED: dict[str, dict[str, object]] = {
    "object-detection": {"inputs": {"image": JOINT}, "target": {"mosaic": 0.5}},
    "semantic-segmentation": {"inputs": {"image": JOINT}, "target": {"balance": 0.5, "overlap": 1.0}},
    "video-classification": {
        "inputs": {
            "video": {"frames": 4, "rotate": 10, "zoom": 0.3, "shift": 3, "flip": True, "color_jitter": 0.3, "erase": 4}
        }
    },
    "series-classification": {
        "inputs": {
            "series": {
                "dimensions": 2,
                "cut": 0.1,
                "time_stretch": 0.2,
                "noise": 0.1,
                "scale": 0.1,
                "channel_dropout": 0.1,
            }
            | {"rotate": 20, "flip": True, "dropout": 0.2}
        }
    },
}


def ends(run: Path) -> tuple[bytes, bytes]:
    """What must not depend on any disturbance: the weights that are shipped, and the history."""
    return (run / "bundle" / "model.safetensors").read_bytes(), (run / "history.jsonl").read_bytes()


def checkpoints(run: Path) -> list[Path]:
    return sorted((run / "checkpoints").glob("step-*"))


@pytest.fixture(scope="session")
def undisturbed(trained: Callable[[str], Path]) -> Callable[[str], tuple[dict[str, object], Path]]:
    def get(task_name: str) -> tuple[dict[str, object], Path]:
        run = trained(task_name)
        return tiny_job(task_name, run.parent), run

    return get


@pytest.fixture
def job_and_end(undisturbed):
    job, run = undisturbed("image-classification")
    return job, ends(run)


@pytest.fixture(scope="module")
def short_job_and_end(tmp_path_factory):
    folder = tmp_path_factory.mktemp("short")
    job = tiny_job("image-classification", folder, steps=3, validations=1)
    return job, ends(train(job, run=folder / "run", reporter=Silent()))


@pytest.mark.parametrize("task_name", TASKS)
def test_a_training_killed_at_random_moments_ends_with_the_same_bytes(task_name, undisturbed, tmp_path):
    job, reference = undisturbed(task_name)
    count_file = tmp_path / "count"
    assert run_child(job, tmp_path / "counted", count_to=count_file) == 0
    assert ends(tmp_path / "counted") == ends(reference)
    moments = int(count_file.read_text())
    assert moments > 100
    generator, run, killed = random.Random(task_name), tmp_path / "killed", 0
    for _ in range(KILLS):
        code = run_child(job, run, resume=(run / "job.yaml").exists(), kill_at=generator.randrange(1, moments // 2))
        assert code in (-signal.SIGKILL, 0), said(run)
        killed += code != 0
    assert killed
    train_to_the_end(job, run)
    assert ends(run) == ends(reference)


def test_every_moment_up_to_the_second_checkpoint_may_be_the_last(short_job_and_end, tmp_path):
    """A process that dies at the n-th change of the disk: for every fourth n, as each is tried with several n."""
    job, end = short_job_and_end
    for moment in range(1, 48, 4):
        run = tmp_path / f"run-{moment}"
        assert run_child(job, run, kill_at=moment) == -signal.SIGKILL, said(run)
        train_to_the_end(job, run)
        assert ends(run) == end, f"killed at change {moment} of the disk"


def test_a_signal_of_the_outside_world_kills_at_any_time(job_and_end, tmp_path):
    job, end = job_and_end
    generator = random.Random(3)
    for _ in range(3):
        process = start(job, tmp_path / "run", resume=(tmp_path / "run" / "job.yaml").exists())
        time.sleep(generator.uniform(0.1, 0.5))
        process.kill()
        assert finish(process) in (-signal.SIGKILL, 0)
    train_to_the_end(job, tmp_path / "run")
    assert ends(tmp_path / "run") == end


def test_a_write_cut_short_by_the_death_of_the_process_is_not_taken_for_a_checkpoint(job_and_end, tmp_path):
    job, end = job_and_end
    run = tmp_path / "run"
    assert run_child(job, run, fill_before=5, fill_bytes=2000) == 74
    shutil.rmtree(run)
    assert run_child(job, run, largest_file=20_000, dies_of_it=True) == -signal.SIGXFSZ
    train_to_the_end(job, run)
    assert ends(run) == end


def test_running_averages_and_several_batches_a_step_resume_to_the_same_bytes(tmp_path):
    job = tiny_job("image-classification", tmp_path, ema=0.9, accumulate=2, clip=1.0, weight_decay=0.01)
    assert run_child(job, tmp_path / "whole") == 0
    assert run_child(job, tmp_path / "cut", signal_before=7, signal=signal.SIGKILL) == -signal.SIGKILL
    train_to_the_end(job, tmp_path / "cut")
    assert ends(tmp_path / "cut") == ends(tmp_path / "whole")


@pytest.mark.parametrize("task_name", VARIED)
def test_what_is_varied_at_random_is_varied_alike_after_a_kill(task_name, tmp_path):
    """Mosaics, turns and dropout, several batches a step, averaged weights, and what is chosen at the end."""
    job = tiny_job(task_name, tmp_path, ema=0.9, accumulate=2) | VARIED[task_name]
    job["model"]["dropout"] = 0.1
    assert run_child(job, tmp_path / "whole") == 0, said(tmp_path / "whole")
    assert run_child(job, tmp_path / "cut", signal_before=7, signal=signal.SIGKILL) == -signal.SIGKILL
    train_to_the_end(job, tmp_path / "cut")
    assert ends(tmp_path / "cut") == ends(tmp_path / "whole")
    cut, whole = (tmp_path / name / "bundle" / "config.json" for name in ("cut", "whole"))
    assert cut.read_bytes() == whole.read_bytes()


@pytest.mark.parametrize("damage", ["cut", "flipped bit", "empty", "file gone", "manifest gone", "[]", "{}", "null"])
def test_a_damaged_checkpoint_is_told_and_an_older_one_taken(damage, job_and_end, tmp_path):
    job, end = job_and_end
    run = tmp_path / "run"
    assert run_child(job, run, signal_before=6, signal=signal.SIGKILL) == -signal.SIGKILL
    older, newest = checkpoints(run)
    weights = newest / "model.safetensors"
    data = weights.read_bytes()
    if damage == "cut":
        weights.write_bytes(data[: len(data) // 2])
    elif damage == "flipped bit":
        weights.write_bytes(data[:-40] + bytes([data[-40] ^ 1]) + data[-39:])
    elif damage == "empty":
        weights.write_bytes(b"")
    elif damage == "file gone":
        weights.unlink()
    elif damage == "manifest gone":
        (newest / "manifest.json").unlink()
    else:
        (newest / "manifest.json").write_text(damage)
    assert run_child(job, run, resume=True) == 0, said(run)
    assert f"warning: checkpoint {newest.name} is damaged" in said(run)
    assert f"going on from step {int(older.name[5:])} of 12" in said(run)
    assert ends(run) == end


def test_what_was_just_saved_survives_beside_damaged_checkpoints_of_later_steps(job_and_end, tmp_path):
    job, end = job_and_end
    run = tmp_path / "run"
    assert run_child(job, run, signal_before=6, signal=signal.SIGKILL) == -signal.SIGKILL
    _, newest = checkpoints(run)
    for later in ("step-00000010", "step-00000011"):
        shutil.copytree(newest, newest.with_name(later))
        (newest.with_name(later) / "state.json").write_text("{}")
    assert run_child(job, run, resume=True, signal_before=8, signal=signal.SIGKILL) == -signal.SIGKILL
    assert run_child(job, run, resume=True) == 0
    assert "going on from step 8 of 12" in said(run)
    assert ends(run) == end


def test_when_no_checkpoint_is_whole_it_says_that_it_begins_again(job_and_end, tmp_path):
    job, end = job_and_end
    run = tmp_path / "run"
    assert run_child(job, run, signal_before=6, signal=signal.SIGKILL) == -signal.SIGKILL
    for path in checkpoints(run):
        (path / "state.json").write_text("{}")
    assert run_child(job, run, resume=True) == 0
    assert "begins again at step 0" in said(run)
    assert ends(run) == end


def test_a_full_disk_at_any_moment_leaves_with_74_and_loses_nothing(short_job_and_end, tmp_path):
    """Every change of the disk fails once, one after the other; the failed training is then resumed."""
    job, end = short_job_and_end
    failed = 0
    for moment in [*range(1, 30), 55, 60]:
        run = tmp_path / f"run-{moment}"
        moments = Moments(run, moment, disk_full)
        try:
            code = exit_code(lambda run=run: train(job, run=run, reporter=Silent()))
        finally:
            moments.stop()
        assert code in (0, 74)
        failed += code == 74
        if moment % 7 == 0:
            train(job, run=run, reporter=Silent(), resume=(run / "job.yaml").exists())
            assert ends(run) == end, f"full at change {moment} of the disk"
    assert failed >= 25


def test_a_full_disk_while_saving_keeps_the_older_checkpoint_whole(job_and_end, tmp_path):
    job, end = job_and_end
    run = tmp_path / "run"
    assert run_child(job, run, fill_before=6, fill_bytes=2000) == 74
    assert "the disk is full" in said(run)
    kept = [path.name for path in checkpoints(run)]
    assert kept == ["step-00000005", "step-00000006"]
    assert [path.name for path in (run / "checkpoints").iterdir() if path.name.startswith(".")] == []
    train_to_the_end(job, run)
    assert ends(run) == end


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGHUP, 129)])
def test_a_polite_signal_is_answered_by_saving_and_its_own_exit_code(number, code, undisturbed, tmp_path, noria):
    job, reference = undisturbed("image-classification")
    job = job | {"train": job["train"] | {"checkpoint_minutes": 60}}
    run = tmp_path / "run"
    assert run_child(job, run, signal_before=5, signal=number) == code
    assert [path.name for path in checkpoints(run)] == ["step-00000006"]
    last = said(run).splitlines()[-1]
    assert last.startswith("stopped: step 6 is saved; to go on: ")
    assert noria(*command_of(last))[0] == 0
    assert ends(run) == ends(reference)


def test_a_hang_up_that_was_to_be_ignored_is_ignored(undisturbed, tmp_path):
    job, reference = undisturbed("image-classification")
    run = tmp_path / "run"
    assert run_child(job, run, signal_before=5, signal=signal.SIGHUP, ignores=signal.SIGHUP) == 0  # as under nohup
    assert ends(run) == ends(reference)


@pytest.mark.parametrize("where", ["prepare", "make_plan", "save_checkpoint", "save_bundle", "evaluate_run"])
def test_outside_the_steps_a_polite_signal_is_answered_at_once(where, undisturbed, tmp_path):
    job, reference = undisturbed("image-classification")
    job = job | {"train": job["train"] | {"checkpoint_minutes": 60}}
    run = tmp_path / "run"
    assert run_child(job, run, signal_in=where, signal=signal.SIGTERM) == 143
    assert not (run / "metrics.json").exists()
    assert [path.name for path in checkpoints(run)] == ([] if where in ("prepare", "make_plan") else ["step-00000012"])
    assert said(run).splitlines()[-1].startswith("stopped")
    train_to_the_end(job, run)
    assert ends(run) == ends(reference)


def test_the_best_weights_so_far_survive_a_kill(tmp_path):
    """The validation that chose them came before the kill, and none after it is better."""
    job = tiny_job("image-classification", tmp_path, validations=12, learning_rate=0.05)
    assert run_child(job, tmp_path / "whole") == 0
    lines = [json.loads(line) for line in (tmp_path / "whole" / "history.jsonl").read_text().splitlines()]
    scores = [line["validation"]["accuracy"] for line in lines]
    assert scores.index(max(scores)) < 9
    assert run_child(job, tmp_path / "cut", signal_before=10, signal=signal.SIGKILL) == -signal.SIGKILL
    train_to_the_end(job, tmp_path / "cut")
    assert ends(tmp_path / "cut") == ends(tmp_path / "whole")


def test_a_second_process_on_a_run_folder_leaves_with_75_and_names_the_first(job_and_end, tmp_path):
    job, end = job_and_end
    run, ready, go_on = tmp_path / "run", tmp_path / "ready", tmp_path / "go-on"
    first = start(job, run, wait_before=3, ready=ready, go_on=go_on)
    deadline = time.monotonic() + 240
    while not ready.exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    with pytest.raises(UserError, match=f"process {first.pid} on ") as caught:
        train(job, run=run, resume=True, reporter=Silent())
    assert caught.value.exit_code == 75
    first.kill()
    assert finish(first) == -signal.SIGKILL
    train_to_the_end(job, run)  # the lock went with the process that held it
    assert ends(run) == end


@pytest.mark.parametrize("average", [0.0, 0.9])
def test_a_training_that_diverges_leaves_with_76_and_stores_no_bad_number(average, tmp_path):
    job = tiny_job("image-classification", tmp_path, steps=40, ema=average)
    job["train"] |= {"learning_rate": 1e30, "muon_learning_rate": 1e30, "warmup": 0.0}
    with pytest.raises(UserError) as caught:
        train(job, run=tmp_path / "run", reporter=Silent())
    assert caught.value.exit_code == 76
    assert_all_finite(tmp_path / "run")
    assert not (tmp_path / "run" / "bundle").exists()
    advised = [word for word in caught.value.fix.replace(";", " ").split() if word.startswith("train.")]
    gentler = load_job(job, advised)[0].train
    assert (gentler.learning_rate, gentler.muon_learning_rate, gentler.clip) == (1e29, 1e29, 1.0)


@pytest.mark.parametrize("what", ["loss", "gradient"])
def test_a_batch_without_a_finite_loss_or_gradient_changes_nothing(what, tmp_path, monkeypatch):
    """One bad batch is passed over and counted; many in a row end the training."""
    import torch

    from noria.targets.label import Label

    plain, plain_update, now = Label.training_step, Training._update, {"step": -1}

    def update(self, step):
        now["step"] = step
        return plain_update(self, step)

    def step(self, model, batch, state):
        parts = plain(self, model, batch, state)
        loss = parts["loss"]
        bad_loss = {"loss": loss * float("nan"), "gradient": loss + 0 * (loss - loss.detach()).abs().sqrt()}
        assert torch.isfinite(bad_loss["gradient"])
        return parts | {"loss": bad_loss[what] if now["step"] in bad else loss}

    monkeypatch.setattr(Label, "training_step", step)
    monkeypatch.setattr(Training, "_update", update)
    job, bad = tiny_job("image-classification", tmp_path), {9}
    train(job, run=tmp_path / "one", reporter=Silent())
    lines = [json.loads(line) for line in (tmp_path / "one" / "history.jsonl").read_text().splitlines()]
    assert sum(line.get("skipped", 0) for line in lines) == 1
    assert_all_finite(tmp_path / "one")
    now["step"], bad = -1, set(range(4, 100))
    with pytest.raises(UserError) as caught:
        train(job, run=tmp_path / "many", reporter=Silent())
    assert caught.value.exit_code == 76
    assert_all_finite(tmp_path / "many")


def assert_all_finite(run: Path) -> None:
    files = sorted(run.rglob("*.safetensors"))
    for file in files:
        for name, values in load_file(file).items():
            assert np.isfinite(values).all(), f"{file} {name}"


def test_data_that_changed_since_the_start_is_refused(tmp_path):
    job = tiny_job("image-classification", tmp_path)
    run = tmp_path / "run"
    assert run_child(job, run, signal_before=6, signal=signal.SIGKILL) == -signal.SIGKILL
    path = Path(job["data"]["path"])
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:-1]))
    assert run_child(job, run, resume=True) == 2
    assert "the data is not what this training began with" in said(run)
    path.write_text("".join(lines))
    assert run_child(job, run, resume=True) == 0


def test_a_resumed_run_refuses_settings_that_would_change_what_it_learns(tmp_path):
    job = tiny_job("image-classification", tmp_path)
    run = tmp_path / "run"
    assert run_child(job, run, signal_before=6, signal=signal.SIGKILL) == -signal.SIGKILL
    assert run_child(job, run, resume=True, overrides=["train.learning_rate=0.5"]) == 2
    assert "train.learning_rate" in said(run)
    assert run_child(job, run, resume=True, overrides=["train.checkpoint_minutes=5", "train.batch_size=8"]) == 0


def test_a_finished_training_can_be_resumed_again_and_again_and_ends_at_once(undisturbed, tmp_path):
    job, reference = undisturbed("image-classification")
    run = tmp_path / "run"
    shutil.copytree(reference, run)
    saved = (run / "bundle").stat().st_ino
    for _ in range(2):
        assert run_child(job, run, resume=True) == 0
        assert said(run) == "finished: all 12 steps are taken\n"
    assert ends(run) == ends(reference)
    assert (run / "bundle").stat().st_ino == saved  # it is not written again, so it cannot be lost


@pytest.mark.parametrize("is_kept", [False, True])
def test_checkpoints_go_when_a_training_is_finished_unless_they_are_asked_for(is_kept, undisturbed, tmp_path):
    job, reference = undisturbed("image-classification")
    run = tmp_path / "run"
    train(job, [f"train.keep_checkpoints={is_kept}"], run=run, reporter=Silent())
    assert bool(checkpoints(run)) is is_kept
    assert ends(run) == ends(reference)
    train(job, ["train.keep_checkpoints=False"], run=run, resume=True, reporter=Silent())
    assert not checkpoints(run)


def test_a_finished_training_lends_its_weights_without_its_checkpoints(undisturbed, tmp_path):
    job, reference = undisturbed("image-classification")
    assert not checkpoints(reference)
    begun = train(job, [f"model.from={reference}", "train.steps=0"], run=tmp_path / "run", reporter=Silent())
    assert ends(begun)[0] == ends(reference)[0]


@pytest.mark.parametrize(("gone", "left"), [("report.html", None), ("metrics.json", None), ("metrics.json", "[]")])
def test_a_training_that_was_not_scored_to_the_end_is_scored_and_not_trained_again(gone, left, undisturbed, tmp_path):
    job, reference = undisturbed("image-classification")
    run = tmp_path / "run"
    shutil.copytree(reference, run)
    (run / gone).unlink()
    if left is not None:
        (run / gone).write_text(left)
    assert run_child(job, run, resume=True) == 0
    assert "steps of" not in said(run)
    assert (run / gone).is_file()
    assert ends(run) == ends(reference)


def test_a_training_that_stops_early_says_so_and_a_resume_ends_at_once(tmp_path):
    job = tiny_job("image-classification", tmp_path, steps=40, validations=20, patience=2)
    job["train"] |= {"learning_rate": 1e-9, "muon_learning_rate": 1e-9}  # nothing can get better
    run = tmp_path / "run"
    assert run_child(job, run) == 0
    assert "stopped early at step 6 of 40: no better accuracy in 2 validations (train.patience)" in said(run)
    end = ends(run)
    assert run_child(job, run, resume=True) == 0
    assert said(run) == "finished: stopped early at step 6 of 40\n"
    shutil.rmtree(run)
    assert run_child(job, run, signal_in="save_bundle", signal=signal.SIGKILL) == -signal.SIGKILL
    assert run_child(job, run, resume=True) == 0
    assert "finished: stopped early at step 6 of 40" in said(run)
    assert "going on" not in said(run)
    assert ends(run) == end


def command_of(text: str) -> list[str]:
    """Return the words of the command that a message advises, without `noria`."""
    command = text[text.index("noria ") :].splitlines()[0].split("; ")[0]
    return shlex.split(command)[1:]


def test_starting_anew_in_the_folder_of_a_training_is_refused_with_a_command_that_works(undisturbed, tmp_path, noria):
    job, reference = undisturbed("image-classification")
    run = tmp_path / "a folder"
    assert run_child(job, run, signal_before=6, signal=signal.SIGKILL) == -signal.SIGKILL
    with pytest.raises(UserError, match="already holds a training") as caught:
        train(job, run=run, reporter=Silent())
    code, out, _ = noria(*command_of(caught.value.fix))
    assert code == 0
    assert str(run / "bundle") in out
    assert ends(run) == ends(reference)


def test_resuming_where_nothing_began_begins(undisturbed, tmp_path):
    job, reference = undisturbed("image-classification")
    assert ends(train(job, run=tmp_path / "nothing", resume=True, reporter=Silent())) == ends(reference)


def test_without_a_folder_the_newest_run_of_the_job_is_resumed(undisturbed, tmp_path, monkeypatch):
    job, _ = undisturbed("image-classification")
    monkeypatch.chdir(tmp_path)
    assert train(job, resume=True, reporter=Silent()) == Path("runs/image-classification")
    assert train(job, reporter=Silent()) == Path("runs/image-classification-2")
    assert train(job, resume=True, reporter=Silent()) == Path("runs/image-classification-2")


def test_a_training_is_not_resumed_as_a_tuning(undisturbed, tmp_path):
    from noria.stages.tune import tune

    pytest.importorskip("optuna")
    job, reference = undisturbed("image-classification")
    with pytest.raises(UserError, match="already holds a training") as caught:
        tune(job, run=reference, resume=True, reporter=Silent())
    assert command_of(caught.value.fix)[0] == "train"


def test_a_job_file_cut_short_is_never_taken_for_the_start_of_a_training(undisturbed, tmp_path, monkeypatch):
    from noria.job import Job

    job, reference = undisturbed("image-classification")

    def cut_short(self, path):
        path.write_text("task: image-")
        raise KeyboardInterrupt

    monkeypatch.setattr(Job, "save", cut_short)
    with pytest.raises(KeyboardInterrupt):
        train(job, run=tmp_path / "run", reporter=Silent())
    monkeypatch.undo()
    assert not (tmp_path / "run" / "job.yaml").exists()
    assert ends(train(job, run=tmp_path / "run", reporter=Silent())) == ends(reference)


def test_a_training_without_a_validation_split_says_so(tmp_path):
    lines = [f"text {number},{'ab'[number % 2]}" for number in range(60)]
    (tmp_path / "t.csv").write_text("\n".join(["text,label", *lines]) + "\n")
    job = {
        "task": "text-classification", "data": {"path": str(tmp_path / "t.csv"), "split": {"validation": 0}},
        "model": {"width": 16, "heads": 2, "depth": 0}, "train": {"steps": 2, "precision": "float32"},
        "evaluate": {"resamples": 100, "rivals": False},
    }  # fmt: skip
    said = Told()
    train(job, run=tmp_path / "run", reporter=said)
    assert any("no validation split" in text for text in said.texts)


def test_a_group_that_files_lack_may_stand_in_their_names(tmp_path):
    for label in "ab":
        (tmp_path / label).mkdir()
        for number in range(8):
            image = Image.new("L", (8, 8), 30 * number)
            image.save(tmp_path / label / f"anna_{number}.png")
    job = {"task": "image-classification", "data": {"path": str(tmp_path), "split": {"group": "speaker"}}}
    with pytest.raises(UserError, match="no column 'speaker'") as caught:
        train(job, run=tmp_path.parent / f"{tmp_path.name}-run", reporter=Silent())
    assert "data.names='(?P<speaker>[^_/]+)_'" in caught.value.fix


class Told(Silent):
    """A reporter that keeps what it is told."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def say(self, text: str) -> None:
        self.texts.append(text)
