"""Text in, several yes/no answers out: topics, tones, kinds of abuse."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from noria.contract import Task
from noria.modalities.text.modality import Text
from noria.targets.labels import Labels, base_rates
from noria.tasks.text_classification import TextClassification
from noria.types import Record


class TextMultilabel(Task):
    """Say which of several labels hold of a text; any number of them may.

    Data: a table with a column of texts, and a column `labels` that names those that hold (news; sport), or a column of
    yes and no for each: data.fields.labels=[toxic, insult].
    """

    inputs: Mapping[str, Text] = TextClassification.inputs
    target = Labels()
    defaults: Mapping[str, Any] = TextClassification.defaults
    defaults_without_model: Mapping[str, Any] = TextClassification.defaults_without_model

    fit_baseline = staticmethod(base_rates)

    def example(self) -> Record:
        return Record({"text": "a moving film, beautifully played", "labels": "film; praise"}, "a review, two labels")
