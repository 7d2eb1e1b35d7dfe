"""The whole life of a model in a minute, on real data that comes with the installation: 1,797 handwritten digits.

Where they come from stands in demo_digits.txt; nothing is downloaded.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from noria.pipeline.predictor import load
from noria.reporter import Reporter
from noria.stages.summary import summary
from noria.stages.train import train
from noria.store.run_folder import new_run

DIGITS = Path(__file__).with_name("demo_digits.npz")
SHADES = " .:-=+*#%@"


def demo(reporter: Reporter, run: Path | None = None) -> Path:
    """Prepare, train, evaluate, predict and report; return the run folder."""
    reporter.say("This is the whole life of a model, on 1,797 handwritten digits of 8 x 8 pixels.")
    reporter.say("")
    return train("demo", [f"data.path={DIGITS}"], new_run(run, "demo"), reporter=reporter)


def demo_prediction(run: Path) -> str:
    """Return one test picture as text, and what the model says it is."""
    with np.load(DIGITS, allow_pickle=False) as arrays:
        picture, truth = arrays["test_images"][0], arrays["test_labels"][0]
    prediction = load(run).predict([{"image": picture}])[0]
    art = "\n".join(
        "    " + "".join(SHADES[int(value) * (len(SHADES) - 1) // 255] * 2 for value in row) for row in picture
    )
    confidence = f"{prediction.confidence:.1%}" if prediction.confidence is not None else "no"
    return f"one picture it has never seen:\n{art}\n  answer {prediction.value}, confidence {confidence}, truth {truth}"


def after(run: Path, metrics: dict[str, object]) -> str:
    """Return what the demo says last."""
    return f"{summary(metrics, run)}\n\n{demo_prediction(run)}"
