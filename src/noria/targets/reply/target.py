"""Reply: what an assistant says to what it hears. Other trained models hear, understand and speak: it learns nothing.

Scored against the right replies, each stage is replaced by the truth in turn, and the errors are shared out among them:
metrics/error_budget.py. Read next: stages.py, voices.py, truth.py.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from noria.contract import Metric, Target, mean_metric
from noria.contract.capabilities import (
    PARTS,
    DecodesTarget,
    LearnsNothing,
    Listens,
    PostProcesses,
    PredictStep,
    ShowsPanels,
    Streams,
    TellsReading,
    UsesParts,
)
from noria.contract.settings import named_input
from noria.errors import UserError
from noria.metrics.error_budget import budget_metrics
from noria.modalities.raw_audio import SAMPLES
from noria.sound.reading import Sound
from noria.sound.wav import pcm_bytes, wav_bytes, wav_header
from noria.targets.reply.judge import STAGES, Judge
from noria.targets.reply.stages import DETECTION, SPEECH, Clock, Said, Stages
from noria.targets.reply.truth import Truth, is_same, read_truth
from noria.targets.reply.voices import joined, sentences, spoken
from noria.types import (
    Arrays,
    Batch,
    Chunk,
    Encoded,
    Media,
    Output,
    Panel,
    Prediction,
    Ragged,
    State,
    Turn,
    Values,
    lengths_of,
)

if TYPE_CHECKING:
    from torch import Tensor, nn

NETWORK_ONLY = {"network_only": True}
JUDGE = "judge"  # the name of the part that hears replies in scoring
RATE_HZ = 16_000
UNKNOWN = -1  # whether a reply would be right, where nobody has said what the stage should have made of the sound
FIRST_SOUND, TOTAL = "first_sound", "total"


@dataclass(frozen=True)
class Reply(
    Target,
    UsesParts,
    LearnsNothing,
    PredictStep,
    PostProcesses,
    Streams,
    Listens,
    DecodesTarget,
    ShowsPanels,
    TellsReading,
):
    """A reply, as text and as sound. Arrays: `truth` Ragged uint8, JSON of the right reply and what is known of stages.

    Output: `said` uint8[B, longest], JSON; `sound` uint8[B, longest], a wav file; both filled up with zeros. Kept:
    `_said` and `_sound` Ragged uint8; `right` float32[n, 5] where the truth was given, UNKNOWN in parts.
    """

    kind: ClassVar[str] = "reply"
    raw_type: ClassVar[Literal["columns"]] = "columns"

    parts: list[str] = field(default_factory=list, metadata=NETWORK_ONLY)
    """Runs or bundles that it is made of, in any order: what detects, recognises, answers and speaks."""
    replies: dict[str, str] = field(default_factory=dict, metadata=NETWORK_ONLY)
    """What is said for each class, where the part that answers gives a class. A class without one is said itself."""
    document: str | None = field(default=None, metadata=NETWORK_ONLY)
    """Text, or the path of a text file, that a part which answers questions looks into."""

    judge: str | None = field(default=None, metadata=NETWORK_ONLY)
    """Run or bundle of speech-recognition that hears replies in scoring, so that the voice has its share of errors."""

    audio: str = named_input("audio")  # the input that is heard, an array `samples`

    def learns_nothing(self) -> bool:
        return True

    def part_paths(self) -> Mapping[str, str]:
        parts = {f"part-{number}": path for number, path in enumerate(self.parts, 1)}
        return parts if self.judge is None else {**parts, JUDGE: self.judge}

    def fit(self, values: Values) -> State:
        found = Counter(one.reply for one in self._truths(values)[0].values())
        if not found:
            raise UserError("no record has a right reply")
        return {"usual": found.most_common(1)[0][0], "document": self._document()}

    def _document(self) -> str:
        if self.document is None:
            return ""
        path = Path(self.document).expanduser()
        try:
            return path.read_text("utf-8") if path.is_file() else self.document
        except (OSError, UnicodeDecodeError) as error:
            raise UserError("the document cannot be read", where=str(path), found=str(error)) from error

    def remarks(self, state: State) -> list[str]:
        if self.parts:
            return []
        return ["no part hears anything, so every reply is empty: target.parts=[runs/recogniser, runs/intents, ..]"]

    def reading(self, state: State) -> None:
        return None

    def encode(self, values: Values, state: State) -> Encoded:
        truths, bad = self._truths(values)
        count = len(next(iter(values.values()), ())) if isinstance(values, Mapping) else len(values)
        rows = [json.dumps(vars(truths[index])) if index in truths else "" for index in range(count)]
        return Encoded({"truth": Ragged.of_texts(rows)}, bad)

    def _truths(self, values: Values) -> tuple[dict[int, Truth], dict[int, str]]:
        if isinstance(values, Mapping):
            values = [dict(zip(values, cells, strict=True)) for cells in zip(*values.values(), strict=True)]
        truths, bad = {}, {}
        for index, value in enumerate(values):
            try:
                truths[index] = read_truth(value)
            except ValueError as error:
                bad[index] = str(error)
        return truths, bad

    def head(self, state: State, width: int) -> nn.Module:
        from noria.model.heads import NoWeights

        self._stages(state)  # refuses parts that do not fit before a bundle is made of them
        return NoWeights()

    def loss(self, output: Output, batch: Batch) -> dict[str, Tensor]:
        from noria.model.heads import no_loss

        return no_loss(output)

    def predict_step(self, model: nn.Module, batch: Batch, state: State, is_quick: bool = False) -> Output:
        """Let the stages answer; where the truth is known, also with each stage replaced by it."""
        sounds, stages = _sounds(batch, self.audio), self._stages(state)
        found = stages.run(sounds)
        said = [self._as_json(one) for one in found]
        files = [self._voiced(stages, one, content) for one, content in zip(found, said, strict=True)]
        if batch.target:
            judge = Judge(stages, self.text_of, state.get(PARTS, {}).get(JUDGE))
            for content, right in zip(said, judge.right(sounds, found, _truths_of(batch)), strict=True):
                content["right"] = right
        rows = [json.dumps(content, ensure_ascii=False).encode() for content in said]
        return {"said": _padded(rows), "sound": _padded(files), **model(batch.inputs)}

    def _stages(self, state: State) -> Stages:
        paths = self.part_paths()
        parts = {name: one for name, one in state.get(PARTS, {}).items() if name != JUDGE}
        named = {f"{name}, {paths[name]}" if name in paths else name: one for name, one in parts.items()}
        return Stages.of(named, state["document"])

    def text_of(self, answer: Prediction) -> str:
        """Return what is said of an answer: the reply to a class, or the words of any other."""
        value = "" if answer.value is None else str(answer.value)
        return self.replies.get(value, value)

    def _as_json(self, said: Said) -> dict[str, Any]:
        answer = said.answer.value
        return {
            "reply": self.text_of(said.answer),
            "answer": answer if isinstance(answer, str | int | float | None) else str(answer),
            "confidence": said.answer.confidence,
            "transcript": said.transcript,
            "segments": said.spans,
            "milliseconds": said.milliseconds,
        }

    def _voiced(self, stages: Stages, said: Said, content: dict[str, Any]) -> bytes:
        """Return the reply as a wav file, nothing where there is no voice; put down how long each stage took."""
        voice, before = stages.parts.get(SPEECH), sum(said.milliseconds.values())
        if voice is None or not content["reply"]:
            content["milliseconds"] = {**said.milliseconds, **({TOTAL: round(before, 3)} if before else {})}
            return b""
        clock, sounds = Clock(1, (FIRST_SOUND, SPEECH)), []
        for sound in spoken(voice, sentences([content["reply"]])):
            sounds.append(sound)
            if len(sounds) == 1:
                clock.lap(FIRST_SOUND)
        clock.lap(SPEECH)
        first, rest = (clock.milliseconds.get(name, 0.0) for name in (FIRST_SOUND, SPEECH))
        content["milliseconds"] = {
            **said.milliseconds, SPEECH: round(first + rest, 3), FIRST_SOUND: round(before + first, 3),
            TOTAL: round(before + first + rest, 3),
        }  # fmt: skip
        whole = joined(sounds)
        return b"" if whole is None else wav_bytes(whole.samples, whole.rate_hz)

    def postprocess(self, output: Arrays, inputs: Mapping[str, Arrays], state: State) -> Arrays:
        rows = [json.loads(_stripped(row)) for row in output["said"]]
        rights = [row.pop("right", None) for row in rows]
        kept: Arrays = {
            "_said": Ragged.of_texts([json.dumps(row, ensure_ascii=False) for row in rows]),
            "_sound": Ragged.of([row[: _wav_length(row)] for row in output["sound"]], np.uint8),
        }
        if rows and rights[0] is not None:
            kept["right"] = np.array([[UNKNOWN if one is None else one for one in row] for row in rights], np.float32)
        return kept

    def stream(self, model: nn.Module, batch: Batch, state: State, settings: Mapping[str, Any]) -> Iterator[Chunk]:
        """Return a wav file sentence by sentence, the first one as soon as it is made; without a voice, the text."""
        if settings:
            raise UserError("there is no such setting", where=next(iter(settings)), fix="leave it out")
        return self._streamed(batch, state)

    def _streamed(self, batch: Batch, state: State) -> Iterator[Chunk]:
        stages = self._stages(state)
        for row, sound in enumerate(_sounds(batch, self.audio)):
            (text,) = stages.transcripts([sound], stages.spans([sound]))
            pieces = (self.replies.get(piece, piece) for piece in stages.pieces(text))
            if (voice := stages.parts.get(SPEECH)) is None:
                yield from (Chunk(piece, row=row) for piece in pieces if piece)
            else:
                for number, one in enumerate(spoken(voice, sentences(pieces))):
                    head = wav_header(one.rate_hz) if not number else b""
                    yield Chunk(head + pcm_bytes(one.samples), row=row)
            yield Chunk("" if voice is None else b"", "end", row=row)

    def hear(self, pieces: Iterable[np.ndarray], rate_hz: int, pause_s: float, state: State) -> Turn | None:
        """Return what is said, as the part that detects speech hears it."""
        detector = self._stages(state).parts.get(DETECTION)
        if detector is None:
            raise UserError(
                "this assistant cannot hear when somebody has finished speaking", where="target.parts",
                expected="a part that detects speech", found="none",
                fix="make it with one more --part: a run of voice-activity-detection; or give sound files",
            )  # fmt: skip
        from noria.targets.reply.turn import turn_of

        return turn_of(detector, pieces, rate_hz, pause_s)

    def stream_schema(self, most_tokens: int) -> dict[str, Any]:
        return {"type": "object", "additionalProperties": False}

    def decode(self, output: Arrays, state: State) -> list[Prediction]:
        predictions = []
        for index, text in enumerate(output["_said"].texts()):
            content = json.loads(text)
            sound = output["_sound"][index].tobytes() if "_sound" in output else b""
            reply, confidence = content.pop("reply"), content.pop("confidence")
            media = Media("audio/wav", sound) if sound else None
            predictions.append(Prediction(reply, confidence, content, media))
        return predictions

    def decode_target(self, truth: Arrays, state: State) -> list[Any]:
        return [json.loads(text)["reply"] for text in truth["truth"].texts()]

    def metrics(self, state: State) -> Sequence[Metric]:
        accuracy = mean_metric("accuracy", "fraction", "higher", lambda output, truth: right_of(output, truth)[:, 0])
        return (accuracy, *budget_metrics(STAGES, right_of))

    def panels(self, output: Arrays, truth: Arrays, state: State) -> list[Panel]:
        right = right_of(output, truth)
        names = ["as it is", *(f"with the true {stage}" for stage in STAGES)]
        counts = [[name, int(np.isfinite(one).sum()), _share(one)] for name, one in zip(names, right.T, strict=True)]
        told = {"columns": ["replies", "records", "right"], "rows": counts}
        note = "What the truth of a stage mends beyond that of the stage before is the fault of this stage."
        return [Panel("table", "Right replies, stage by stage replaced by the truth", told, note)]


def usual_reply(learnt: Arrays) -> Arrays:
    """Return the output that always says the commonest reply of the training records: the trivial answer to beat."""
    replies = Counter(json.loads(text)["reply"] for text in learnt["truth"].texts())
    content = {"reply": replies.most_common(1)[0][0], "answer": None, "confidence": None, "milliseconds": {}}
    return {"_said": np.frombuffer(json.dumps(content).encode(), np.uint8)[None]}


def same_reply(learnt: Arrays, count: int) -> Arrays:
    """Return that output for so many records."""
    row = np.asarray(learnt["_said"], np.uint8).ravel()
    return {"_said": Ragged.of([row] * count, np.uint8)}


def right_of(output: Arrays, truth: Arrays) -> np.ndarray:
    """Return float[n, 5], whether replies are right, as metrics/error_budget.py takes it; NaN where nobody knows."""
    if "right" in output:
        known = np.asarray(output["right"], np.float64)
        return np.where(known == UNKNOWN, np.nan, known)
    found = np.full((len(output["_said"]), 1 + len(STAGES)), np.nan)
    pairs = zip(output["_said"].texts(), truth["truth"].texts(), strict=True)
    found[:, 0] = [is_same(json.loads(said)["reply"], json.loads(true)["reply"]) for said, true in pairs]
    return found


def _sounds(batch: Batch, name: str) -> list[Sound]:
    arrays = batch.inputs[name]
    rows = zip(arrays[SAMPLES].float().cpu().numpy(), arrays[lengths_of(SAMPLES)].tolist(), strict=True)
    return [Sound(samples[:length], RATE_HZ) for samples, length in rows]


def _truths_of(batch: Batch) -> list[Truth]:
    rows = batch.target["truth"].cpu().numpy()
    return [Truth(**json.loads(bytes(row[row >= 0].astype(np.uint8)))) for row in rows]


def _padded(rows: Sequence[bytes]) -> Tensor:
    """Return rows of bytes as uint8[n, longest], filled up with zeros."""
    import torch

    full = np.zeros((len(rows), max(map(len, rows), default=0)), np.uint8)
    for index, row in enumerate(rows):
        full[index, : len(row)] = np.frombuffer(row, np.uint8)
    return torch.from_numpy(full)


def _stripped(row: np.ndarray) -> bytes:
    return row.astype(np.uint8).tobytes().rstrip(b"\0")


def _wav_length(row: np.ndarray) -> int:
    """Return how many bytes of a row that was filled up are a wav file, as its first bytes say; 0 for none."""
    return int.from_bytes(row[4:8].astype(np.uint8).tobytes(), "little") + 8 if len(row) and row.any() else 0


def _share(right: np.ndarray) -> float | None:
    known = right[np.isfinite(right)]
    return round(float(known.mean()), 4) if len(known) else None
