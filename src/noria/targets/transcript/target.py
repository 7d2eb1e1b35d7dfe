"""What is said in a sound, as a text with a time and a confidence for each word.

    tokens -> log-probabilities of units a frame -> units -> text and words -> Prediction
              head.py, windows.py                   beam.py   words.py        confidence.py

Learnt by connectionist temporal classification: nobody has to say when a unit is spoken. Read next: settings.py,
lexicon.py; text/units.py, which says what a unit is; metrics.py.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from noria.contract import Metric, Target
from noria.contract.capabilities import (
    Calibrates,
    DecodesTarget,
    Exports,
    GivesText,
    PostProcesses,
    PredictStep,
    ShowsPanels,
    TellsReading,
    TellsTimes,
    TrainingStep,
    WarmStarts,
)
from noria.contract.dispatch import forward_loss
from noria.contract.settings import filled_by_task, named_input
from noria.errors import UserError, shown_values
from noria.modalities.audio.arrays import MEL, are_silent
from noria.targets.transcript import confidence, panels
from noria.targets.transcript.alignment import frames_needed
from noria.targets.transcript.beam import Found, greedy, search
from noria.targets.transcript.grammar import Grammar
from noria.targets.transcript.lexicon import grammar_of, lexicon_state, read_lexicon, unusable
from noria.targets.transcript.metrics import transcript_metrics
from noria.targets.transcript.settings import USUAL_BEAMS, TranscriptSettings
from noria.targets.transcript.words import Spoken, spoken
from noria.text.learning import text_of, usable_texts
from noria.text.normaliser import normalised
from noria.text.subtitles import lines_of, srt, vtt
from noria.text.units import PinyinUnits, learn_units, units_of
from noria.types import Arrays, Batch, Encoded, Output, Panel, Prediction, Ragged, Span, State, Values

if TYPE_CHECKING:
    from torch import Tensor, nn

SIGNS_NAMED = 10
HEARD_S = "heard_s"  # the output: where a sound ends, in seconds
WIDER = 16  # times as many beginnings, where a lexicon's answers were all lost on the way


@dataclass(frozen=True)
class Transcript(
    TranscriptSettings,
    Target,
    WarmStarts,
    TrainingStep,
    PredictStep,
    PostProcesses,
    Calibrates,
    DecodesTarget,
    Exports,
    GivesText,
    ShowsPanels,
    TellsReading,
    TellsTimes,
):
    """A text that is said. Arrays: `units` Ragged int32, `_text` Ragged uint8, the normalised text.

    Output: `logits` float[B, T, units], `frames` int[B]; settled: `units`; `_text`; `words` Ragged int32[W, 4], first
    frame, end, first character and end of each word; `sure` Ragged float32[W, 2], mean and least log-probability of a
    word's units; `heard_s` float32[n], the end of the sound, where it is known.

    The confidence of an answer is the mean of its words': the share of them that is expected to be right.
    """

    kind: ClassVar[str] = "transcript"

    audio: str = named_input("audio")  # the input that is transcribed, an array `mel`
    seconds_per_token: float = filled_by_task(0.04)  # of that input
    hop_s: float = filled_by_task(0.010)  # from one of its frames to the next

    def fit(self, values: Values) -> State:
        words = read_lexicon(self.lexicon, self.normaliser)
        read = (text_of(value) for value in values)
        texts = [text for one in read if one is not None and (text := normalised(one, self.normaliser))]
        if not texts:
            raise UserError("no training record has a transcript", found=shown_values(values))
        readings = {word: said for word, said in words.items() if said}
        learnt = learn_units(self.units, texts, self.vocabulary, readings)
        units = units_of(learnt)
        foreign = Counter(sign for text in texts for sign in units.encode(text)[1])
        return {
            "units": learnt,
            "normaliser": self.normaliser,
            "search": lexicon_state(self, texts, words, units),
            "unknown": [list(one) for one in foreign.most_common()],
            "confidence": None,
        }

    def warm_start(self, state: State) -> State | None:
        is_same = state["units"]["kind"] == self.units and state["normaliser"] == self.normaliser
        return {**state, "confidence": None} if is_same and self.lexicon is None and not self.ngram else None

    def encode(self, values: Values, state: State) -> Encoded:
        units = units_of(state["units"])
        given, bad = usable_texts(values)
        texts = [normalised(text, state["normaliser"]) for text in given]
        bad |= {
            index: f"{given[index]!r:.100} holds nothing that is said"
            for index, text in enumerate(texts)
            if index not in bad and not text
        }
        rows = [[] if index in bad else units.encode(text)[0] for index, text in enumerate(texts)]
        bad |= {
            index: f"{texts[index]!r:.100} has no {self.units} units"
            for index, row in enumerate(rows)
            if index not in bad and not row
        }
        kept = ["" if index in bad else text for index, text in enumerate(texts)]
        return Encoded({"units": Ragged.of(rows, np.int32), "_text": Ragged.of_texts(kept)}, bad)

    def head(self, state: State, width: int) -> nn.Module:
        from noria.targets.transcript.head import UnitsOfTokens

        return UnitsOfTokens(width, len(units_of(state["units"]).names))

    def loss(self, output: Output, batch: Batch) -> dict[str, Tensor]:
        from noria.targets.transcript.head import ctc_loss

        ids, frames = batch.target["units"], output["frames"]
        each = ctc_loss(output["logits"], frames, ids)
        if "halfway" in output and self.intermediate:
            below = ctc_loss(output["halfway"], frames, ids)
            each = (1 - self.intermediate) * each + self.intermediate * below
        return {"loss": each.mean(), "each": each}

    def training_step(self, model: nn.Module, batch: Batch, state: State) -> dict[str, Tensor]:
        """Learn from the records, or from several of them in a row."""
        from noria.targets.transcript.joined import in_a_row

        if self.joined > 1:
            batch = in_a_row(batch, self.audio, self.joined, units_of(state["units"]).separator)
        return forward_loss(self, model, batch)

    def predict_step(self, model: nn.Module, batch: Batch, state: State, is_quick: bool = False) -> Output:
        from noria.targets.transcript.windows import heard

        return heard(model, batch, self.audio)

    def postprocess(self, output: Arrays, inputs: Mapping[str, Arrays], state: State) -> Arrays:
        """Turn the logits into units, text and words."""
        units = units_of(state["units"])
        grammar = grammar_of(state, self.ngram_weight) if self.is_searched else None
        mel = inputs[self.audio][MEL] if self.audio in inputs else None
        frames = output["frames"] if mel is None else np.where(are_silent(mel), 0, output["frames"])
        rows = zip(output["logits"], frames, strict=True)
        found = [self._found(_log_softmax(logits[:count]), grammar) for logits, count in rows]
        said = [spoken(one, units) for one in found]
        ends = {} if mel is None else {HEARD_S: ((mel.lengths - 1) * self.hop_s).astype(np.float32)}
        return {"units": Ragged.of([one.ids for one in found], np.int32), **_arrays(said), **ends}

    def _found(self, log_probs: np.ndarray, grammar: Grammar | None) -> Found:
        if grammar is None or not len(log_probs):
            return greedy(log_probs)
        beams = self.beams or USUAL_BEAMS
        return search(log_probs, grammar, beams) or search(log_probs, grammar, WIDER * beams) or greedy(log_probs)

    def decode(self, output: Arrays, state: State) -> list[Prediction]:
        units, predictions = units_of(state["units"]), []
        for index, text in enumerate(output["_text"].texts()):
            places = output["words"][index].tolist()
            chances = self._chances(output["sure"][index], state).tolist()
            last_s = float(output[HEARD_S][index]) if HEARD_S in output else math.inf
            words = [
                {
                    "text": text[start:stop],
                    "start_s": round(min(first * self.seconds_per_token, last_s), 3),
                    "end_s": round(min(end * self.seconds_per_token, last_s), 3),
                    "confidence": round(chance, 4),
                }
                for (first, end, start, stop), chance in zip(places, chances, strict=True)
            ]
            details: dict[str, Any] = {"words": words}
            if isinstance(units, PinyinUnits):
                details["pinyin"] = " ".join(units.syllables(output["units"][index].tolist()))
            sure = round(float(np.mean(chances)), 6) if chances else None
            predictions.append(Prediction(text, sure, details))
        return predictions

    def decode_target(self, truth: Arrays, state: State) -> list[Any]:
        texts: list[Any] = truth["_text"].texts()
        return texts

    def calibrate(self, output: Arrays, truth: Arrays, state: State) -> State:
        """Fit how likely a word is right on answers to records that nothing was learnt from."""
        right: list[bool] = []
        for index, (given, true) in enumerate(zip(output["_text"].texts(), truth["_text"].texts(), strict=True)):
            right += confidence.are_right(given, output["words"][index], true)
        sure = np.asarray(output["sure"].values, np.float64).reshape(-1, 2)
        return {**state, "confidence": confidence.fitted(sure, np.array(right, bool))}

    def _chances(self, sure: np.ndarray, state: State) -> np.ndarray:
        return confidence.probabilities(np.asarray(sure, np.float64), state["confidence"])

    def export(self, answer: Prediction, suffix: str) -> bytes | None:
        """Return subtitles, .srt or .vtt, or the text alone, .txt."""
        if suffix == ".txt":
            return f"{answer.value}\n".encode()
        writers = {".srt": srt, ".vtt": vtt}
        if suffix not in writers:
            return None
        return writers[suffix](lines_of(answer.value, answer.details["words"])).encode()

    def times(self, answer: Prediction) -> list[Span]:
        return [Span("seconds", one["start_s"], one["end_s"], one["text"]) for one in answer.details["words"]]

    def metrics(self, state: State) -> Sequence[Metric]:
        return transcript_metrics(units_of(state["units"]), state["normaliser"])

    def panels(self, output: Arrays, truth: Arrays, state: State) -> list[Panel]:
        units = units_of(state["units"])
        chances = [self._chances(output["sure"][index], state) for index in range(len(output["sure"]))]
        found = [
            panels.worst(output, truth),
            panels.confusions(output, truth, units),
            panels.reliability(output, truth, chances, state["confidence"] is not None),
            panels.unknown_signs(truth["_text"].texts(), units),
        ]
        return [one for one in found if one is not None]

    def remarks(self, state: State) -> list[str]:
        said = []
        if signs := state["unknown"]:
            count = sum(times for _, times in signs)
            named = ", ".join(f"{sign} ({times})" for sign, times in signs[:SIGNS_NAMED])
            said.append(
                f"{count} signs of the training transcripts have no {state['units']['kind']} unit and are learnt as"
                f" unknown: {named}; write them as they are said, or choose other target.units"
            )
        if lost := unusable(state):
            said.append(f"{len(lost)} words of the lexicon cannot be answered, as {lost[0]!r}: they hold unknown signs")
        return said

    def reading(self, state: State) -> Panel | None:
        units = units_of(state["units"])
        rows = [["units", state["units"]["kind"]], ["different", len(units.names) - 2]]
        rows.append(["normaliser", state["normaliser"]])
        if state["search"]["words"] is not None:
            rows.append(["words of the lexicon", len(state["search"]["words"])])
        return Panel("table", "How transcripts are read", {"columns": ["what", "value"], "rows": rows})


def _log_softmax(logits: np.ndarray) -> np.ndarray:
    shifted = logits.astype(np.float64) - logits.max(-1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(-1, keepdims=True)))


def _arrays(said: Sequence[Spoken]) -> Arrays:
    return {
        "_text": Ragged.of_texts([one.text for one in said]),
        "words": Ragged.of([one.places for one in said], np.int32, (4,)),
        "sure": Ragged.of([one.sure for one in said], np.float32, (2,)),
    }


def most_frequent(train: Arrays) -> Arrays:
    """Return the transcript that most training records have: `units` int[1, N] and `text`, its bytes, [1, M]."""
    texts = train["_text"].texts()
    common, _ = Counter(sorted(texts)).most_common(1)[0]
    place = texts.index(common)
    return {"units": train["units"][place][None].astype(np.int32), "text": train["_text"][place][None]}


def same_transcript(learnt: Arrays, count: int) -> Arrays:
    """Return the settled outputs of an answer that says the same of every record."""
    text = np.asarray(learnt["text"][0], np.uint8)
    return {
        "units": Ragged.of([learnt["units"][0]] * count, np.int32),
        "_text": Ragged.of([text] * count, np.uint8),
        "words": Ragged.of([[]] * count, np.int32, (4,)),
        "sure": Ragged.of([[]] * count, np.float32, (2,)),
    }


def too_long(answer: Arrays, num_tokens: np.ndarray, seconds_per_token: float) -> dict[int, str]:
    """Return which transcripts need more tokens than their sounds have, int[n], and why that cannot be learnt."""
    found = {}
    for index, tokens in enumerate(num_tokens.tolist()):
        needed = frames_needed(answer["units"][index])
        if needed > tokens:
            found[index] = (
                f"{len(answer['units'][index])} units cannot be said in {tokens * seconds_per_token:.2f} s of sound: "
                f"they need {needed} tokens, and it has {tokens}"
            )
    return found
