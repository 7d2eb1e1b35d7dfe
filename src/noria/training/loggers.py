"""Send the lines of history to TensorBoard or MLflow too, where `train.report_to` asks for it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Protocol

from noria.errors import needs_extra
from noria.job import Job


class Sink(Protocol):
    """Something that takes named numbers at a step."""

    def write(self, line: dict[str, Any]) -> None: ...


@contextmanager
def open_loggers(job: Job, run: Path, is_writer: bool) -> Iterator[Sink]:
    """Open every sink the job asks for, as one."""
    makers = {"tensorboard": _tensorboard, "mlflow": _mlflow}
    with ExitStack() as stack:
        wanted = job.train.report_to if is_writer else []
        yield _All([stack.enter_context(makers[name](job, run)) for name in wanted])


def numbers(line: dict[str, Any], prefix: str = "") -> dict[str, float]:
    """Return the numbers of a line of history, nested names joined by a slash."""
    found: dict[str, float] = {}
    for key, value in line.items():
        if isinstance(value, dict):
            found |= numbers(value, f"{prefix}{key}/")
        elif isinstance(value, int | float) and not isinstance(value, bool) and key != "step":
            found[f"{prefix}{key}"] = float(value)
    return found


class _All:
    def __init__(self, sinks: list[Sink]) -> None:
        self.sinks = sinks

    def write(self, line: dict[str, Any]) -> None:
        for sink in self.sinks:
            sink.write(line)


class _Each:
    """A sink made of one function (name, value, step)."""

    def __init__(self, put: Any) -> None:
        self.put = put

    def write(self, line: dict[str, Any]) -> None:
        for name, value in numbers(line).items():
            self.put(name, value, line["step"])


@contextmanager
def _tensorboard(job: Job, run: Path) -> Iterator[Sink]:
    try:
        from torch.utils.tensorboard.writer import SummaryWriter
    except ImportError as error:
        raise needs_extra("tensorboard", "tensorboard", "train.report_to: [tensorboard]") from error
    with SummaryWriter(str(run / "tensorboard")) as writer:
        yield _Each(writer.add_scalar)


@contextmanager
def _mlflow(job: Job, run: Path) -> Iterator[Sink]:
    try:
        import mlflow
    except ImportError as error:
        raise needs_extra("mlflow", "mlflow", "train.report_to: [mlflow]") from error
    mlflow.set_experiment(job.task)
    with mlflow.start_run(run_name=run.name):
        mlflow.log_params({f"train.{key}": value for key, value in job.train.model_dump().items()})
        yield _Each(lambda name, value, step: mlflow.log_metric(name, value, step=step))
