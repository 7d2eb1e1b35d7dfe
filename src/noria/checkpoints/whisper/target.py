"""A transcript that Whisper writes: the same answer as targets/transcript gives, with nothing to learn.

Units, scores, subtitles, panels and the fit of confidences to held-out words are those of `Transcript`; only who hears
is another. Read next: listener.py, targets/transcript/target.py.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from noria.checkpoints.whisper.listener import Asked, Heard
from noria.contract import Metric, Target
from noria.contract.capabilities import (
    Calibrates,
    CompletesState,
    DecodesTarget,
    Exports,
    GivesText,
    LearnsNothing,
    PostProcesses,
    PredictStep,
    ShowsPanels,
    TellsTimes,
    WarmStarts,
)
from noria.contract.settings import named_input
from noria.errors import UserError, raise_unmet
from noria.modalities.raw_audio import RATE_HZ, SAMPLES
from noria.targets.transcript.letters import in_small_letters
from noria.targets.transcript.target import HEARD_S, Transcript
from noria.text.normaliser import Normaliser
from noria.text.units import units_of
from noria.types import Arrays, Batch, Encoded, Output, Panel, Prediction, Ragged, Span, State, Values, lengths_of

if TYPE_CHECKING:
    from torch import Tensor, nn

FRAME_S = 0.02  # the step of Whisper's times
LEAST_CHANCE = 1e-4  # of a word, whose logarithm is kept
HEARD = "heard"  # the output: JSON of each record, uint8[B, longest], zeros after its end
WHISPER = "whisper"


@dataclass(frozen=True)
class WhisperTranscript(
    Target,
    WarmStarts,
    CompletesState,
    LearnsNothing,
    PredictStep,
    PostProcesses,
    Calibrates,
    DecodesTarget,
    Exports,
    GivesText,
    ShowsPanels,
    TellsTimes,
):
    """A text that is said, as Whisper hears it. Arrays and settled output: those of `Transcript`, and `_not_said`.

    The confidence of an answer is the mean of its words', as there.
    """

    kind: ClassVar[str] = "transcript"
    state_kind: ClassVar[str] = WHISPER

    language: str | None = None
    """Code of the language that is spoken, as en or zh. Null: a model of many languages tells it, for each sound."""
    prompt: str | None = None
    """Text that is taken to have been said before: it sets spelling, names and punctuation."""
    hotwords: str | None = None
    """Words that are likely, as names and terms; leave prompt out then."""
    beams: int = 5
    """Beginnings kept while an answer is sought. 1 is twice as fast, and a little worse."""
    skips_silence: bool = True
    """Hear only what Silero takes for speech. False for singing or very faint speech, at the risk of invented text."""
    most_no_speech: float = 0.6
    """Probability of no speech, by Whisper, above which a stretch is left out, 0 to 1. Lower it against inventions."""
    normaliser: Normaliser = "plain"
    """What scores take for no difference: `plain` drops case and punctuation, `none` keeps both. Answers keep them."""
    audio: str = named_input("audio")  # the input that is heard, an array `samples`

    def __post_init__(self) -> None:
        rules: dict[str, tuple[bool, str, object]] = {
            "beams": (1 <= self.beams <= 64, "1 to 64", self.beams),
            "most_no_speech": (0 < self.most_no_speech <= 1, "above 0 and at most 1", self.most_no_speech),
            "language": (self.language is None or self.language.isalpha(), "a code as en, or null", self.language),
        }
        raise_unmet("whisper", rules, "target.")

    @property
    def form(self) -> Transcript:
        """Return the target that learns such answers, whose form they have."""
        return Transcript(units="character", normaliser=self.normaliser, seconds_per_token=FRAME_S)

    def learns_nothing(self) -> bool:
        return True

    def fit(self, values: Values) -> State:
        return self.form.fit(values)

    def warm_start(self, state: State) -> State | None:
        return state

    def complete_state(self, state: State, values: Values) -> State:
        return {**state, **self.form.fit(values)}

    def encode(self, values: Values, state: State) -> Encoded:
        return self.form.encode(values, state)

    def head(self, state: State, width: int) -> nn.Module:
        from noria.checkpoints.whisper.head import HeldFiles

        return HeldFiles(state[WHISPER]["files"] if WHISPER in state else {})

    def loss(self, output: Output, batch: Batch) -> dict[str, Tensor]:
        from noria.model.heads import no_loss

        return no_loss(output)

    def predict_step(self, model: nn.Module, batch: Batch, state: State, is_quick: bool = False) -> Output:
        """Hear the records one by one, each as if it were alone."""
        import torch

        listener = model.head.listener()  # type: ignore[operator, union-attr]
        arrays = batch.inputs[self.audio]
        asked = Asked(self.language, self.prompt, self.hotwords, self.beams, self.skips_silence, self.most_no_speech)
        rows = []
        for samples, length in zip(arrays[SAMPLES], arrays[lengths_of(SAMPLES)].tolist(), strict=True):
            try:
                heard = listener.hear(samples[:length].float().cpu().numpy(), asked)
            except ValueError as error:  # as of a language that the model does not know
                raise UserError("whisper cannot hear this", where="target", found=str(error)[:200]) from error
            rows.append(torch.frombuffer(bytearray(_packed(heard)), dtype=torch.uint8))
        return {HEARD: torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)}

    def postprocess(self, output: Arrays, inputs: Mapping[str, Arrays], state: State) -> Arrays:
        """Turn what was heard into text, words with their places, and what was left out."""
        found = [_unpacked(row[row > 0].tobytes()) for row in output[HEARD]]
        units, texts, places, sure = units_of(state["units"]), [], [], []
        for heard in found:
            text, own = _written(heard.words)
            texts.append(text)
            places.append(own)
            sure.append([[math.log(max(word[3], LEAST_CHANCE))] * 2 for word in heard.words])
        return {
            "units": Ragged.of([units.encode(text)[0] for text in texts], np.int32),
            "_text": Ragged.of_texts(texts),
            "words": Ragged.of(places, np.int32, (4,)),
            "sure": Ragged.of(sure, np.float32, (2,)),
            HEARD_S: (inputs[self.audio][SAMPLES].lengths / RATE_HZ).astype(np.float32),
            "_not_said": Ragged.of_texts([json.dumps([heard.left_out, heard.language]) for heard in found]),
        }

    def decode(self, output: Arrays, state: State) -> list[Prediction]:
        answers = self.form.decode(output, state)
        if "_not_said" not in output:
            return answers
        beside = [json.loads(text) for text in output["_not_said"].texts()]
        return [
            replace(one, details={**one.details, **_told(left_out, language, end_s)})
            for one, (left_out, language), end_s in zip(answers, beside, output[HEARD_S].tolist(), strict=True)
        ]

    def decode_target(self, truth: Arrays, state: State) -> list[Any]:
        return self.form.decode_target(truth, state)

    def calibrate(self, output: Arrays, truth: Arrays, state: State) -> State:
        return self.form.calibrate(in_small_letters(output), truth, state)

    def export(self, answer: Prediction, suffix: str) -> bytes | None:
        return self.form.export(answer, suffix)

    def times(self, answer: Prediction) -> list[Span]:
        return self.form.times(answer)

    def metrics(self, state: State) -> Sequence[Metric]:
        return [one for one in self.form.metrics(state) if one.name != "unit_error"]

    def panels(self, output: Arrays, truth: Arrays, state: State) -> list[Panel]:
        return self.form.panels(in_small_letters(output), truth, state)


def _written(words: Sequence[tuple[str, float, float, float]]) -> tuple[str, list[list[int]]]:
    """Return the text of words, and for each its first frame, end, first character and end."""
    text, places = "", []
    for written, start_s, end_s, _ in words:
        piece = written if text else written.lstrip()
        start = len(text) + len(piece) - len(piece.lstrip())
        text += piece
        places.append([round(start_s / FRAME_S), round(end_s / FRAME_S), start, len(text)])
    return text, places


def _told(left_out: Sequence[Sequence[Any]], language: str, sound_s: float) -> dict[str, Any]:
    """Return what was left out, none of it later than the sound's end: Whisper's times are of thirty seconds."""
    names = ("start_s", "end_s", "text", "reason")
    within = [(*(round(min(edge, sound_s), 3) for edge in (start, end)), *why) for start, end, *why in left_out]
    told = {"left_out": [dict(zip(names, one, strict=True)) for one in within]} if left_out else {}
    return {**told, "language": language} if language else told


def _packed(heard: Heard) -> bytes:
    return json.dumps([heard.words, heard.left_out, heard.language]).encode("ascii")


def _unpacked(data: bytes) -> Heard:
    words, left_out, language = json.loads(data)
    return Heard([tuple(one) for one in words], [tuple(one) for one in left_out], language)
