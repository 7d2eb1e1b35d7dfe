"""What answers were worth, said where the model is no more: what feedback needs of a bundle, as a text, and back.

The text stands in the ledger beside the answers, by the version of the model, so that a truth is read and valued as by
the model that gave the answer, whatever has taken its place since. Read next: worth.py, ledger/answers.py.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence

from noria.contract.payoffs import MICRO
from noria.job.load import load_stored_job
from noria.ledger.answers import Valued
from noria.ledger.entry import MOST
from noria.pipeline.bundle import Bundle
from noria.pipeline.worth import WORTH, Worth
from noria.store.states import join_arrays, split_arrays
from noria.types import Prediction
from noria.types.records import EXPECTED


def text_of(bundle: Bundle) -> str:
    """Return what says what answers of a bundle were worth; empty where its job does not say it."""
    if Worth.of(bundle.task, bundle.states) is None:
        return ""
    from safetensors.numpy import save

    states, arrays = split_arrays({name: bundle.states[name] for name in ("target", WORTH)})
    packed = base64.b64encode(save(arrays)).decode() if arrays else ""
    return json.dumps({"job": bundle.config["job"], "states": states, "arrays": packed})


def worth_of(text: str) -> Worth:
    """Return it again."""
    from safetensors.numpy import load

    content = json.loads(text)
    _, task = load_stored_job(content["job"])
    arrays = load(base64.b64decode(content["arrays"])) if content["arrays"] else {}
    found = Worth.of(task, join_arrays(content["states"], arrays))
    assert found is not None
    return found


def valued(worth: Worth, given: Sequence[Prediction | None]) -> Valued:
    """Return answers as the ledger keeps them; None is a record that could not be used."""
    expected = sum(round(one.details.get(EXPECTED, 0.0) * MICRO) for one in given if one is not None)
    held = max(-MOST, min(MOST, expected))  # a thousand answers of the largest worth that a job may name
    return Valued(worth.payoffs.currency, [None if one is None else [one.value] for one in given], held)
