"""The whole life of a model in a minute, on real data that comes with the installation: 1,797 handwritten digits.

The digits are those of scikit-learn (8 x 8 pixels, from the UCI machine learning repository), read from its files
without importing it; nothing is downloaded.
"""

from __future__ import annotations

import gzip
import importlib.util
import io
from pathlib import Path

import numpy as np

from noria.errors import UserError
from noria.pipeline.predictor import load
from noria.reporter import Reporter
from noria.stages.summary import summary
from noria.stages.train import train
from noria.store.cache import cache_folder
from noria.store.disk import plain_disk_errors
from noria.store.run_folder import new_run

SHADES = " .:-=+*#%@"


def demo(reporter: Reporter, run: Path | None = None) -> Path:
    """Prepare, train, evaluate, predict and report; return the run folder."""
    reporter.say("This is the whole life of a model, on 1,797 handwritten digits of 8 x 8 pixels.")
    reporter.say("")
    data = demo_data()
    run = train("demo", [f"data.path={data}"], new_run(run, "demo"), reporter=reporter)
    return run


def demo_prediction(run: Path) -> str:
    """Return one test picture as text, and what the model says it is."""
    with np.load(demo_data(), allow_pickle=False) as arrays:
        picture, truth = arrays["test_images"][0], arrays["test_labels"][0]
    prediction = load(run).predict([{"image": picture}])[0]
    art = "\n".join(
        "    " + "".join(SHADES[int(value) * (len(SHADES) - 1) // 255] * 2 for value in row) for row in picture
    )
    confidence = f"{prediction.confidence:.1%}" if prediction.confidence is not None else "no"
    return f"one picture it has never seen:\n{art}\n  answer {prediction.value}, confidence {confidence}, truth {truth}"


def demo_data() -> Path:
    """Return the digits as .npz in the cache, written there at the first call: the last 297 are the test split."""
    path = cache_folder() / "data" / "demo-digits.npz"
    if path.exists():
        return path
    spec = importlib.util.find_spec("sklearn")
    if spec is None or spec.origin is None:
        raise UserError(
            "the demo's data comes with scikit-learn, which is not installed", mend="pip install scikit-learn"
        )
    packed = Path(spec.origin).parent / "datasets" / "data" / "digits.csv.gz"
    table = np.loadtxt(io.StringIO(gzip.decompress(packed.read_bytes()).decode()), delimiter=",")
    pictures = (table[:, :-1].reshape(-1, 8, 8) * (255 / 16)).astype(np.uint8)
    labels = table[:, -1].astype(np.int64)
    with plain_disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(".demo-digits.tmp.npz")
        np.savez(
            temporary,
            train_images=pictures[:1500],
            train_labels=labels[:1500],
            test_images=pictures[1500:],
            test_labels=labels[1500:],
        )
        temporary.replace(path)
    return path


def after(run: Path, metrics: dict[str, object]) -> str:
    """Return what the demo says last."""
    return f"{summary(metrics, run)}\n\n{demo_prediction(run)}"
