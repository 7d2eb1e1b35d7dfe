"""Targets that each break the contract in one way."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from tests.contract.broken.healthy import Side, SideHead, broken, is_right, log_loss, probabilities
from torch import nn

from noria.contract import Metric, mean_metric
from noria.contract.capabilities import (
    AnswersInInput,
    GivesVector,
    MultiLabel,
    MultiNumber,
    PaysOff,
    Restates,
    Streams,
    TrainingStep,
)
from noria.contract.dispatch import forward_loss
from noria.contract.payoffs import NumberPayoffs
from noria.errors import UserError
from noria.types import Chunk, Panel


@broken("bad_values")
class TakesNoneForTheFirstSide(Side):
    def encode(self, values, state):
        return super().encode([state["names"][0] if value is None else value for value in values], state)


@broken("order")
class NumbersSidesAsTheyCome(Side):
    def encode(self, values, state):
        return super().encode(values, {"names": list(dict.fromkeys(values)) if values else []})


@broken("decode_target")
class TellsTooFewAnswers(Side):
    def decode_target(self, truth, state):
        return super().decode_target(truth, state)[1:]


@broken("decode_target")
class TellsTheNumberOfTheAnswer(Side):
    def decode_target(self, truth, state):
        return [f"side {side}" for side in truth["side"]]


@broken("inverse")
class TellsAnotherAnswer(Side):
    def decode_target(self, truth, state):
        return [state["names"][side - 1] for side in truth["side"]]


@broken("single_values")
class GivesNoValueOfTheFirstAnswer(Side):
    def single_values(self, truth):
        return super().single_values(truth)[1:]


@broken("single_values")
class CountsClassesFromOne(Side):
    def single_values(self, truth):
        return super().single_values(truth) + 1


@broken("payoffs")
class SaysWhatASideIsWorthAsANumber(Side, PaysOff):
    payoffs = NumberPayoffs


@broken("stream")
class LooksAtSettingsOnlyWhenItBegins(Side, Streams):
    def stream(self, model, batch, state, settings):
        if settings:
            raise UserError("there is no such setting")
        yield Chunk("left", "end")

    def stream_schema(self, most_tokens):
        return {}


class Questions(Side, MultiLabel):
    """Asks for each side whether it is the one."""

    def label_names(self, state):
        return state["names"]

    def label_values(self, truth):
        return np.stack([truth["side"] == 0, truth["side"] == 1], 1).astype(np.float64)

    def label_output(self):
        return "logits"

    def labels_left_out(self, truth, state):
        return []


@broken("label_values")
class AsksFewerQuestionsThanItNames(Questions):
    def label_values(self, truth):
        return super().label_values(truth)[:, :1]


@broken("label_values")
class AnswersNeitherYesNorNo(Questions):
    def label_values(self, truth):
        return super().label_values(truth) + 1


class Amounts(Side, MultiNumber):
    """Gives each side a number."""

    def number_names(self, state):
        return state["names"]

    def number_values(self, truth):
        return np.stack([truth["side"] == 0, truth["side"] == 1], 1).astype(np.float64)

    def number_output(self):
        return "logits"


@broken("number_values")
class GivesFewerNumbersThanItNames(Amounts):
    def number_values(self, truth):
        return super().number_values(truth)[:, :1]


@broken("number_values")
class GivesNumbersWithoutEnd(Amounts):
    def number_values(self, truth):
        return super().number_values(truth) / 0.0


@broken("number_values")
class NamesAnOutputWithoutNumbers(Amounts):
    def number_output(self):
        return "side"


@broken("answer_output")
class NamesAnOutputThatIsNotThere(Side):
    def answer_output(self):
        return "side"


@broken("restated")
class TurnsSidesWhereOthersHaveLearnt(Side, Restates):
    def restated(self, arrays, state, wanted):
        return {**arrays, **({"side": 1 - arrays["side"]} if "side" in arrays else {})}


@broken("vectors")
class GivesTheSameVectorToAll(Side):
    def vectors(self, output):
        return np.ones_like(output["logits"])


@broken("vectors")
class GivesAVectorLess(Side):
    def vectors(self, output):
        return output["logits"][1:]


class AnotherHead(Side):
    """Sides whose head answers otherwise: what the next ones share."""

    def head(self, state, width):
        return _Changed(width, len(state["names"]), self.answer)

    def answer(self, linear, tokens):
        raise NotImplementedError


class _Changed(SideHead):
    def __init__(self, width, names, answer):
        super().__init__(width, names)
        self.answer = answer

    def forward(self, tokens):
        return self.answer(super().forward, tokens)


@broken("padded_head")
class AveragesThePadding(AnotherHead):
    def answer(self, head, tokens):
        return head(tokens._replace(is_real=None))


@broken("alone")
class ComparesTheRecordsOfABatch(AnotherHead):
    def answer(self, head, tokens):
        logits = head(tokens)["logits"]
        return {"logits": logits - logits.mean(0)}


@broken("alone")
class NormalisesOverTheBatchInEvaluation(AnotherHead):
    def answer(self, head, tokens):
        logits = head(tokens)["logits"]
        return {"logits": logits / logits.norm(dim=0)}


@broken("output")
class GivesANumberForTheWholeBatch(AnotherHead):
    def answer(self, head, tokens):
        output = head(tokens)
        return {**output, "mean": output["logits"].mean((0, 1), keepdim=True)}


@broken("output")
class GivesWhatIsNotFinite(AnotherHead):
    def answer(self, head, tokens):
        output = head(tokens)
        return {**output, "odds": output["logits"] * torch.inf}


@broken("gradient")
class StopsTheGradient(AnotherHead):
    def answer(self, head, tokens):
        return head(tokens._replace(features=tokens.features.detach()))


@broken("gradient")
class LeavesAWeightOut(Side):
    def head(self, state, width):
        head = SideHead(width, len(state["names"]))
        head.unused = nn.Linear(width, 1)
        return head


class AnotherLoss(Side):
    """Sides whose loss is made otherwise of the loss of each record: what the next ones share."""

    def loss(self, output, batch):
        return self.parts(super().loss(output, batch)["each"])

    def parts(self, each):
        raise NotImplementedError


@broken("loss")
class HasNoLossOfEachRecord(AnotherLoss):
    def parts(self, each):
        return {"loss": each.mean()}


@broken("loss")
class HasALossOfManyNumbers(AnotherLoss):
    def parts(self, each):
        return {"loss": each, "each": each}


@broken("loss")
class SumsTheLoss(AnotherLoss):
    def parts(self, each):
        return {"loss": each.sum(), "each": each}


@broken("loss")
class HasOneLossForAllRecords(AnotherLoss):
    def parts(self, each):
        return {"loss": each.mean(), "each": each.mean(0, keepdim=True)}


@broken("loss")
class HasALossThatIsNotFinite(AnotherLoss):
    def parts(self, each):
        return {"loss": each.mean(), "each": each, "log": each.detach().mul(-1).log()}


@broken("gradient")
class HasAGradientThatIsNotFinite(AnotherLoss):
    def parts(self, each):
        steep = each + (each * 0).sqrt()
        return {"loss": steep.mean(), "each": steep}


@broken("loss")
class StepsByLossAlone(Side, TrainingStep):
    def training_step(self, model, batch, state):
        return {"loss": forward_loss(self, model, batch)["loss"]}


@broken("loss_of_one")
class DividesByOneRecordTooMany(AnotherLoss):
    def parts(self, each):
        return {"loss": each.sum() / (len(each) + 1), "each": each}


@broken("decode")
class AnswersTooFew(Side):
    def decode(self, output, state):
        return super().decode(output, state)[1:]


@broken("decode")
class AnswersWithNames(Side):
    def decode(self, output, state):
        return [prediction.value for prediction in super().decode(output, state)]


@broken("decode")
class AnswersWithWhatIsNotJson(Side):
    def decode(self, output, state):
        return [replace(prediction, value={prediction.value}) for prediction in super().decode(output, state)]


@broken("decode")
class HasDetailsThatAreNotJson(Side):
    def decode(self, output, state):
        return [replace(prediction, details={"shares": np.zeros(2)}) for prediction in super().decode(output, state)]


@broken("decode")
class GivesANameForAVector(Side, GivesVector):
    def vectors(self, output):
        return probabilities(output)


@broken("decode")
class IsSurerThanSure(Side):
    def decode(self, output, state):
        return [replace(prediction, confidence=100.0) for prediction in super().decode(output, state)]


@broken("decode")
class RanksTheRecordsOfABatch(Side):
    def decode(self, output, state):
        share = float(probabilities(output).max())
        return [replace(prediction, details={"of best": share}) for prediction in super().decode(output, state)]


@broken("panels")
class ShowsWhatIsNotJson(Side):
    def panels(self, output, truth, state):
        return [Panel("bars", "Sides", {"values": np.bincount(truth["side"])})]


def scored_by(metric):
    """Return the method that gives accuracy and this metric."""
    return lambda self, state: [mean_metric("accuracy", "fraction", "higher", is_right), metric]


@broken("metric_names")
class HasNoMetrics(Side):
    metrics = lambda self, state: []  # noqa: E731


@broken("metric_names")
class HasTwoMetricsOfOneName(Side):
    metrics = scored_by(Metric("accuracy", "nats", "lower", log_loss))


@broken("metric_names")
class HasAMetricWithoutDirection(Side):
    metrics = scored_by(Metric("log_loss", "nats", "", log_loss))


@broken("metric_names")
class HasAMetricWithoutUnit(Side):
    metrics = scored_by(Metric("log_loss", "", "lower", log_loss))


@broken("metric_values")
class GivesOneScoreForAllWeights(Side):
    metrics = scored_by(Metric("log_loss", "nats", "lower", lambda o, t, w: log_loss(o, t, w)[0]))


@broken("metric_order")
class ScoresTheFirstRecordAlone(Side):
    metrics = scored_by(
        Metric("first", "nats", "lower", lambda o, t, w: w[:, 0] * log_loss(o, t, np.eye(len(w[0])))[0])
    )


@broken("metric_weights")
class IgnoresTheWeights(Side):
    metrics = scored_by(Metric("log_loss", "nats", "lower", lambda o, t, w: log_loss(o, t, np.ones_like(w))))


@broken("metric_weights")
class IsNotTheMeanOfItsScores(Side):
    metrics = scored_by(Metric("log_loss", "nats", "lower", log_loss, is_right))


@broken("metric_direction")
class SaysTheWrongDirection(Side):
    metrics = scored_by(Metric("log_loss", "nats", "higher", log_loss))


def nan_where_all_is_right(output, truth, weights):
    """Return the mean surprise at the true side, or NaN if no answer is wrong."""
    with np.errstate(invalid="ignore"):
        return log_loss(output, truth, weights) * np.float64(np.divide(*[(1 - is_right(output, truth)).sum()] * 2))


@broken("metric_direction")
class CannotScoreAPerfectAnswer(Side):
    metrics = scored_by(Metric("log_loss", "nats", "lower", nan_where_all_is_right))


@broken("unread")
class HasMoreUnreadAnswersThanAnswers(Side, AnswersInInput):
    def unread(self, truth, inputs):
        return np.tile([2, 1], (len(truth["side"]), 1))
