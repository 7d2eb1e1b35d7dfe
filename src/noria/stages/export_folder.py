"""Back to where a model began: the folder of a checkpoint. Knows no kind of one. Read next: contract/checkpoints.py."""

from __future__ import annotations

from pathlib import Path

from noria.contract.checkpoints import loader_of_trunk
from noria.errors import UserError
from noria.pipeline.predictor import Predictor
from noria.store.disk import whole_files


def export_folder(predictor: Predictor, out: Path) -> Path:
    """Write the model as a checkpoint of the kind it began as; raise UserError where it began as none."""
    loader = loader_of_trunk(predictor.states)
    if loader is None:
        raise UserError(
            "only a model that began with model.pretrained can go back to transformers",
            where=str(predictor.bundle.path),
            fix="write it as ONNX: noria export RUN --to onnx",
        )
    with whole_files(out) as folder:
        loader.export(predictor.bundle.model, predictor.states, folder)
    return out
