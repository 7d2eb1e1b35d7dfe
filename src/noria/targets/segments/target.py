"""Segments: the stretches of time in which somebody speaks.

    tokens -> logits of frames -> probabilities -> spans in seconds
              head.py              metrics.py       spans.py

Read next: reading.py (what a true answer looks like), scenes.py (how training sounds are mixed), streaming.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from noria.contract import Metric, Target
from noria.contract.capabilities import (
    AnswersInInput,
    Calibrates,
    DecodesTarget,
    Exports,
    PostProcesses,
    ShowsPanels,
    TellsReading,
)
from noria.contract.settings import filled_by_task, named_input
from noria.errors import UserError, raise_unmet
from noria.modalities.audio.arrays import MEL
from noria.sources.formats.speech_by_energy import BY_ENERGY
from noria.targets.segments.metrics import misses_by_alarms, segment_counts, segment_metrics
from noria.targets.segments.reading import read_spans, written
from noria.targets.segments.spans import Rule, spans_of
from noria.types import Arrays, Batch, Encoded, Output, Panel, Prediction, Ragged, State, Values

if TYPE_CHECKING:
    from torch import Tensor, nn

NETWORK_ONLY = {"network_only": True}
SPANS = "spans"  # the array of true answers
ONSETS = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)  # thresholds that calibration tries
OFFSETS = (0.4, 0.6, 0.8)  # as a fraction of the onset
USUAL = (0.5, 0.3)  # onset and offset where no held-out answer says better


@dataclass(frozen=True)
class Segments(Target, PostProcesses, Calibrates, AnswersInInput, DecodesTarget, Exports, ShowsPanels, TellsReading):
    """Stretches of speech. Arrays: `spans` Ragged float32[k, 2], seconds.

    Output: `logits` float[B, T, frames of a token], `frames` int64[B]; kept: `probabilities` Ragged float32[frames].
    """

    kind: ClassVar[str] = "segments"

    least_speech_s: float = field(default=0.10, metadata=NETWORK_ONLY)
    """Shortest stretch of speech that is answered, in seconds. Raise it where clicks are taken for speech."""
    least_silence_s: float = field(default=0.20, metadata=NETWORK_ONLY)
    """Shortest pause that ends a stretch, in seconds. Raise it where sentences are cut, lower it for single words."""
    energy_db: float = 30.0
    """Where nobody says where speech is: what is within so many dB of a clip's loudest frame. Lower it for noise."""
    scene_s: float = field(default=3.0, metadata=NETWORK_ONLY)
    """Augmentation: seconds of the scenes that clips are put into, with noise. 0 learns recordings as they are."""
    least_snr_db: float = field(default=-5.0, metadata=NETWORK_ONLY)
    """Augmentation: loudest noise of a scene, as speech over noise in dB. Lower it for louder places."""

    audio: str = named_input("audio")  # the input that is heard, an array `mel`
    hop_s: float = filled_by_task(0.010)  # from one of its frames to the next
    frames_per_token: int = filled_by_task(2)

    def __post_init__(self) -> None:
        raise_unmet(
            "segments",
            {
                "least_speech_s": (0 <= self.least_speech_s <= 60, "0 to 60 seconds", self.least_speech_s),
                "least_silence_s": (0 <= self.least_silence_s <= 60, "0 to 60 seconds", self.least_silence_s),
                "energy_db": (0 < self.energy_db <= 100, "above 0, up to 100 dB", self.energy_db),
                "scene_s": (self.scene_s == 0 or 0.5 <= self.scene_s <= 60, "0, or 0.5 to 60 seconds", self.scene_s),
                "least_snr_db": (-40 <= self.least_snr_db <= 40, "-40 to 40 dB", self.least_snr_db),
            },
            "target.",
        )

    def fit(self, values: Values) -> State:
        found = [value for value in values if isinstance(value, Mapping) and BY_ENERGY in value]
        lengths, reason = [], ""
        for value in values:
            try:
                lengths += [float(end - start) for start, end in read_spans(value)]
            except ValueError as error:
                reason = reason or str(error)  # `encode` meets it again and says where
        if not lengths:
            wanted = "a list of [start_s, end_s] in one cell for each recording, as [[0.4, 1.2], [2, 2.5]]"
            raise UserError("no training recording has a segment", expected=wanted, found=reason or "empty lists")
        by_energy = [len(found), len(values), self.energy_db] if found else None
        return {
            "onset": USUAL[0],
            "offset": USUAL[1],
            "mean_s": round(float(np.mean(lengths)), 4),
            "by_energy": by_energy,
        }

    def remarks(self, state: State) -> list[str]:
        if not state["by_energy"]:
            return []
        count, total, range_db = state["by_energy"]
        return [
            f"of {count:,} of {total:,} recordings nobody said where speech is: it is what is within {range_db:g} dB "
            "of the loudest frame, which holds for clean clips alone; target.energy_db changes it"
        ]

    def reading(self, state: State) -> None:
        return None

    def encode(self, values: Values, state: State) -> Encoded:
        rows: list[np.ndarray] = []
        bad = {}
        for index, value in enumerate(values):
            try:
                rows.append(read_spans(value))
            except ValueError as error:
                bad[index] = str(error)
                rows.append(np.zeros((0, 2), np.float32))
        return Encoded({SPANS: Ragged.of(rows, np.float32, (2,))}, bad)

    def head(self, state: State, width: int) -> nn.Module:
        from noria.targets.segments.head import SpeechOfFrames

        return SpeechOfFrames(width, self.frames_per_token)

    def loss(self, output: Output, batch: Batch) -> dict[str, Tensor]:
        from noria.targets.segments.head import speech_loss

        return speech_loss(output, batch, self.hop_s)

    def unread(self, truth: Arrays, inputs: Mapping[str, Arrays]) -> np.ndarray:
        """Count the segments that are mostly after their sound ends: in another unit, or of another recording."""
        spans, ends_s = truth[SPANS], inputs[self.audio][MEL].lengths * self.hop_s
        beyond = [int((spans[i].sum(1) > 2 * end_s).sum()) for i, end_s in enumerate(ends_s)]
        return np.stack([np.array(beyond, np.int64), spans.lengths], 1)

    def postprocess(self, output: Arrays, inputs: Mapping[str, Arrays], state: State) -> Arrays:
        """Keep the probabilities of the frames that there are."""
        frames = np.minimum(output["frames"], inputs[self.audio][MEL].lengths)
        chances = 1 / (1 + np.exp(-output["logits"].reshape(len(frames), -1).astype(np.float64)))
        return {
            "probabilities": Ragged.of([row[:count] for row, count in zip(chances, frames, strict=True)], np.float32)
        }

    def rule(self, state: State) -> Rule:
        """Return how probabilities become spans, with the thresholds that were chosen."""
        speech, silence = (max(1, round(one / self.hop_s)) for one in (self.least_speech_s, self.least_silence_s))
        return Rule(state["onset"], state["offset"], speech, silence)

    def decode(self, output: Arrays, state: State) -> list[Prediction]:
        rule = self.rule(state)
        return [self.answer(output["probabilities"][index], rule) for index in range(len(output["probabilities"]))]

    def answer(self, probabilities: np.ndarray, rule: Rule) -> Prediction:
        """Return the answer for a sound of so many frames, the last of which is at its end."""
        last = max(0, len(probabilities) - 1)
        spans = [
            {
                "start_s": round(float(start * self.hop_s), 3),
                "end_s": round(float(min(end, last) * self.hop_s), 3),
                "confidence": round(float(probabilities[start:end].mean()), 4),
            }
            for start, end in spans_of(np.asarray(probabilities), rule)
            if start < last
        ]
        return Prediction(spans, None, {"speech_s": round(sum(one["end_s"] - one["start_s"] for one in spans), 3)})

    def decode_target(self, truth: Arrays, state: State) -> list[Any]:
        return [
            [{"start_s": float(f"{start:.6g}"), "end_s": float(f"{end:.6g}")} for start, end in truth[SPANS][index]]
            for index in range(len(truth[SPANS]))
        ]

    def calibrate(self, output: Arrays, truth: Arrays, state: State) -> State:
        """Choose the thresholds that find most segments of recordings that nothing was learnt from."""

        def f1(pair: tuple[float, float]) -> float:
            right, given, true = segment_counts(output, truth, self.hop_s, self.rule({**state, **_named(pair)})).sum(0)
            return float(2 * right / max(1, given + true))

        pairs = [(onset, round(onset * share, 3)) for onset in ONSETS for share in OFFSETS]
        best = max([USUAL, *pairs], key=f1)
        return {**state, **_named(best)}

    def export(self, answer: Prediction, suffix: str) -> bytes | None:
        """Return subtitles (.srt, .vtt), a table (.csv), .json, or labels for Audacity (.txt)."""
        return written(answer.value, suffix)

    def metrics(self, state: State) -> Sequence[Metric]:
        return segment_metrics(self.hop_s, self.rule(state))

    def panels(self, output: Arrays, truth: Arrays, state: State) -> list[Panel]:
        right, given, true = segment_counts(output, truth, self.hop_s, self.rule(state)).sum(0)
        rows = [
            ["a stretch begins at a probability of", state["onset"]],
            ["and ends below", state["offset"]],
            ["segments there are", int(true)],
            ["segments given", int(given)],
            ["of these right, by half of their time", int(right)],
        ]
        table = Panel("table", "Segments", {"columns": ["what", "value"], "rows": rows})
        return [misses_by_alarms(output, truth, self.hop_s), table]


def _named(pair: tuple[float, float]) -> dict[str, float]:
    return {"onset": pair[0], "offset": pair[1]}
