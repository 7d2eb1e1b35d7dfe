"""Measure what the wheel's policy is worth beside never, always and weekly retraining, on streams that drift or do not.

    OMP_NUM_THREADS=1 python benchmarks/wheel.py                 all streams, 50 seeds
    OMP_NUM_THREADS=1 python benchmarks/wheel.py digits --seeds 5

Twelve weeks; on day 14 the records change for good. Harmful: reviews of hotels, then of goods; digits, then turned by
30 degrees; census income of people below 40, then above 50. Harmless: hotel reviews, then only long ones; digits, then
dimmed by a tenth; all people, then those below 25. Each day 21 records get their answers. A right answer is worth 0.01,
1,000 are given a day; the value is counted on held-out records of the day's kind, less what training cost. Models are
linear, so that a training takes milliseconds; its price is set: 1, 5 and 25. `weekly` trains once a week and `always`
every third day, on all that is there, and puts the model into service as it is. `wheel` looks once a week at the last
14 days by the package's own tests, arithmetic and rules, and learns from all that came since its last promotion.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import tarfile
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from measuring import DATA
from PIL import Image
from scipy import sparse
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.feature_extraction import DictVectorizer
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.linear_model import LogisticRegression

from noria.drift.assess import assess
from noria.drift.loss import estimated_loss_per_day
from noria.pipeline.observations import Observations
from noria.pipeline.reference import Reference
from noria.stages.compare_on import Paired
from noria.wheel.money import MICRO, Money
from noria.wheel.policy import DAY_S, Position, decide, recovered_share
from noria.wheel.turn.compare import reason_against

DAYS, CHANGE, PER_DAY, WORTH, LABELLED = 84, 14, 1000, 0.01, 21
LEARNT, CALIBRATION, GOLDEN = 1500, 400, 300
HOLD_OUT, GOLDEN_LOSS, HORIZON, REST = 0.3, 0.05, 30.0, 7.0
PRICES, BUDGET = (1.0, 5.0, 25.0), 4  # trainings a month
NORMAL = 1.96
Records = tuple[Any, np.ndarray]  # features and classes


@dataclass(frozen=True)
class Stream:
    """Records before and after the change, each in two parts: those that get labelled, and those that are scored."""

    before: Records
    after: Records
    make: Callable[[], Any]
    first: Records  # what the first model learns from, is calibrated on, and its golden set


def some(records: Records, chosen: Any) -> Records:
    """Return some of the records."""
    return records[0][chosen], records[1][chosen]


def both(one: Records, other: Records) -> Records:
    """Return two lots of records one after the other."""
    stack = sparse.vstack if sparse.issparse(one[0]) else np.concatenate
    joined = stack([one[0], other[0]])
    return (joined.tocsr() if sparse.issparse(joined) else joined), np.concatenate([one[1], other[1]])


@cache
def reviews() -> tuple[Records, Records, np.ndarray]:
    """Return reviews of hotels and of goods as hashed n-grams of characters, and how long those of hotels are."""
    with (DATA / "sentiment_zh" / "ChnSentiCorp_htl_all.csv").open(encoding="utf-8-sig") as file:
        hotels = [row for row in csv.DictReader(file) if row["review"].strip()]
    with zipfile.ZipFile(DATA / "sentiment_zh" / "online_shopping_10_cats.zip") as archive:
        text = archive.read("online_shopping_10_cats.csv").decode("utf-8-sig")
    goods = [row for row in csv.DictReader(io.StringIO(text)) if row["review"].strip() and row["cat"] != "酒店"]
    hashed = HashingVectorizer(analyzer="char", ngram_range=(1, 2), n_features=2048, alternate_sign=False)
    rows = [
        (hashed.transform([row["review"] for row in some]).tocsr(), np.array([int(row["label"]) for row in some]))
        for some in (hotels, goods[::5])
    ]
    return rows[0], rows[1], np.array([len(row["review"]) for row in hotels])


@cache
def people() -> tuple[Records, np.ndarray]:
    """Return the census as columns of zeros and ones and of numbers, and the ages."""
    with (DATA / "adult" / "adult.csv").open() as file:
        rows = list(csv.DictReader(file))[:20000]
    ages = np.array([float(row["age"]) for row in rows])
    classes = np.array([int(">" in row.pop("income-per-year")) for row in rows])
    cells = [{key: _number(value) for key, value in row.items()} for row in rows]
    columns = DictVectorizer().fit_transform(cells)
    return (sparse.csr_matrix(columns / np.maximum(abs(columns).max(0).toarray(), 1)), classes), ages


def _number(cell: str) -> float | str:
    try:
        return float(cell)
    except ValueError:
        return cell


@cache
def pictures() -> tuple[Records, Records, Records]:
    """Return digits as 10 x 10 pixels: as they are, turned by 30 degrees, and dimmed by a tenth."""
    plain, turned, classes = [], [], []
    with tarfile.open(DATA / "digits" / "mnist-pngs.tar.gz") as archive:
        for member in archive:
            if not member.name.endswith(".png"):
                continue
            file = archive.extractfile(member)
            assert file is not None
            image = Image.open(io.BytesIO(file.read())).convert("L")
            plain.append(_pixels(image))
            turned.append(_pixels(image.rotate(30, Image.Resampling.BILINEAR)))
            classes.append(int(member.name.split("/")[-2]))
            if len(classes) == 8000:
                break
    digits = np.array(classes)
    return (np.array(plain), digits), (np.array(turned), digits), (0.9 * np.array(plain), digits)


def _pixels(image: Image.Image) -> np.ndarray:
    return np.asarray(image.resize((10, 10), Image.Resampling.BOX), np.float32).ravel() / 255


def stream(name: str, generator: np.random.Generator) -> Stream:
    """Return a stream; every seed divides the records anew."""
    make: Callable[[], Any] = lambda: LogisticRegression(solver="liblinear", C=10)  # noqa: E731
    if name.startswith("reviews"):
        hotels, goods, lengths = reviews()
        before, after = (hotels, goods) if "goods" in name else (hotels, some(hotels, lengths > np.median(lengths)))
    elif name.startswith("adult"):
        everybody, ages = people()
        is_old = "above 50" in name
        before = some(everybody, ages < 40) if is_old else everybody
        after = some(everybody, ages > 50 if is_old else ages < 25)
    else:
        plain, turned, dimmed = pictures()
        before, after = plain, turned if "turned" in name else dimmed
        make = lambda: LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")  # noqa: E731
    order = generator.permutation(len(before[1]))
    cut = LEARNT + CALIBRATION + GOLDEN
    later = generator.permutation(len(after[1]))
    return Stream(some(before, order[cut:]), some(after, later), make, some(before, order[:cut]))


STREAMS = {  # and whether the change does harm
    "reviews: goods": True, "digits: turned": True, "adult: above 50": True,
    "reviews: long": False, "digits: dimmed": False, "adult: below 25": False,
}  # fmt: skip


@dataclass(frozen=True)
class Champion:
    """A model, and what it is set beside."""

    model: Any
    reference: Reference
    scores: tuple[float, float]  # before and after the change


class Simulation:
    """A stream: the same records for every policy."""

    def __init__(self, stream: Stream, generator: np.random.Generator) -> None:
        self.generator, self.stream = generator, stream
        learnt = np.arange(LEARNT)
        self.learnt = some(self.stream.first, learnt)
        self.calibration = some(self.stream.first, LEARNT + np.arange(CALIBRATION))
        self.golden = some(self.stream.first, LEARNT + CALIBRATION + np.arange(GOLDEN))
        halves = [(part, len(part[1]) // 2) for part in (self.stream.before, self.stream.after)]
        self.scored = [some(part, np.arange(half)[:1000]) for part, half in halves]
        draws = [half + self.generator.integers(0, len(part[1]) - half, (DAYS, LABELLED)) for part, half in halves]
        self.days = [some(halves[day >= CHANGE][0], draws[day >= CHANGE][day]) for day in range(DAYS)]
        self.first = self.champion(self.learnt, self.calibration)
        self.held_out = self.generator.random((DAYS, LABELLED)) < HOLD_OUT

    def champion(self, learnt: Records, calibration: Records) -> Champion:
        """Return a model of some records."""
        model = self.stream.make().fit(*learnt)
        return Champion(
            model, Reference("simulated", observed(model, calibration), "accuracy", "higher"), self.told(model)
        )

    def told(self, model: Any) -> tuple[float, float]:
        """Return the accuracies before and after the change."""
        before, after = (accuracy(model, part) for part in self.scored)
        return before, after

    def value(self, champion: Champion, day: int) -> float:
        """Return what the answers of a day are worth."""
        return champion.scores[day >= CHANGE] * PER_DAY * WORTH

    def labelled(self, first: int, last: int, is_held_out: bool | None = None) -> Records:
        """Return the labelled records of some days: all, or those that are held out, or the others."""
        parts = [
            some(self.days[day], slice(None) if is_held_out is None else self.held_out[day] == is_held_out)
            for day in range(first, last)
        ]
        found = parts[0]
        for one in parts[1:]:
            found = both(found, one)
        return found

    def by_calendar(self, every: int) -> tuple[float, int]:
        """Return the value without the price of training, and the number of trainings, of one each `every` days."""
        champion, total, count = self.first, 0.0, 0
        for day in range(DAYS):
            if every and day and day % every == 0:
                learnt = both(self.learnt, self.labelled(0, day))
                model, count = self.stream.make().fit(*learnt), count + 1
                champion = Champion(model, champion.reference, self.told(model))
            total += self.value(champion, day)
        return total, count

    @staticmethod
    def spent(trained: Sequence[int], day: int) -> int:
        """Return how many trainings a month of 30 days has seen."""
        return sum(one // 30 == day // 30 for one in trained)

    def by_policy(self, price: float) -> tuple[float, int, int]:
        """Return the value without the price, and the trainings and promotions, of a wheel that turns each week."""
        champion, learnt, since, total = self.first, self.learnt, 0, 0.0
        trained, promotions, rests, shares = list[int](), 0, 0.0, list[float]()
        for day in range(DAYS):
            if day and day % 7 == 0:
                window = self.labelled(max(since, day - 14), day)
                found = assess(champion.reference, observed(champion.model, window))
                position = Position(
                    found.has_alarm, estimated_loss_per_day(found, round(WORTH * MICRO), PER_DAY), round(price * MICRO),
                    round(BUDGET * price * MICRO), round(self.spent(trained, day) * price * MICRO), HORIZON,
                    day * DAY_S, rests, recovered_share(shares),
                )  # fmt: skip
                if decide(position, Money("EUR")).is_training:
                    trained.append(day)
                    new = self.labelled(since, day, is_held_out=False)
                    kept, chosen = some(new, slice(0, None, 5)), np.arange(len(new[1])) % 5 > 0
                    candidate = self.champion(both(learnt, some(new, chosen)), both(self.calibration, kept))
                    recent = paired(candidate, champion, self.labelled(since, day, is_held_out=True))
                    if reason_against(recent, paired(candidate, champion, self.golden), GOLDEN_LOSS):
                        rests = (day + REST) * DAY_S
                        shares.append(0.0)
                    else:
                        champion, learnt, since = candidate, both(learnt, some(new, chosen)), day
                        promotions += 1
                        gain = recent.metrics[recent.main]["value"]
                        shares.append(float(np.clip(gain / (found.worse_by or 1.0), 0, 1)))
            total += self.value(champion, day)
        return total, len(trained), promotions


def observed(model: Any, records: Records) -> Observations:
    """Return what is kept of a model's answers."""
    probabilities = model.predict_proba(records[0])
    answers = probabilities.argmax(1)
    classes = tuple(map(str, model.classes_))
    scores = (model.classes_[answers] == records[1]).astype(float)
    truths = np.searchsorted(model.classes_, records[1]).astype(float)
    return Observations(
        "classes", classes, probabilities.astype(np.float32), probabilities.max(1), answers, truths, scores,
        np.full(len(answers), np.nan), np.full(len(answers), np.nan), None, ("",) * len(answers),
    )  # fmt: skip


def accuracy(model: Any, records: Records) -> float:
    """Return the share of right answers."""
    return float((model.predict(records[0]) == records[1]).mean())


def paired(candidate: Champion, champion: Champion, records: Records) -> Paired:
    """Return the difference of the accuracies, with its interval by the normal distribution."""
    ours, theirs = (one.model.predict(records[0]) == records[1] for one in (candidate, champion))
    each = ours.astype(float) - theirs
    half = NORMAL * each.std(ddof=1) / np.sqrt(len(each))
    low, high = each.mean() - half, each.mean() + half
    verdict = "better" if low > 0 else "worse" if high < 0 else "no different"
    one = {"value": each.mean(), "theirs": theirs.mean(), "direction": "higher", "verdict": verdict}
    return Paired(len(each), {"accuracy": one})


def one_seed(name: str, seed: int) -> Iterator[dict[str, Any]]:
    """Yield a line for each policy and price."""
    generator = np.random.default_rng(seed)
    simulation = Simulation(stream(name, generator), generator)
    calendar = {policy: simulation.by_calendar(every) for policy, every in (("never", 0), ("weekly", 7), ("always", 3))}
    before, after = simulation.first.scores
    about = {"stream": name, "seed": seed, "before": before, "after": after}
    for price in PRICES:
        for policy, (total, count) in calendar.items():
            yield {**about, "price": price, "policy": policy, "value": total - price * count, "trainings": count}
        total, count, promoted = simulation.by_policy(price)
        value = total - price * count
        yield {**about, "price": price, "policy": "wheel", "value": value, "trainings": count, "promoted": promoted}


def summary(lines: Sequence[dict[str, Any]]) -> str:
    """Return a table: median values, and the median of the wheel's less each other policy's with its 95 % interval."""
    heads = [
        "stream",
        "price",
        "accuracy before, after",
        "trainings of the wheel",
        "wheel",
        "never",
        "weekly",
        "always",
    ]
    heads += [f"wheel less {one}" for one in ("never", "weekly", "always")]
    said = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for name, price in dict.fromkeys((one["stream"], one["price"]) for one in lines):
        here = [one for one in lines if (one["stream"], one["price"]) == (name, price)]
        values = {
            policy: np.array([one["value"] for one in here if one["policy"] == policy])
            for policy in ("wheel", "never", "weekly", "always")
        }
        trainings = np.mean([one["trainings"] for one in here if one["policy"] == "wheel"])
        told = [f"{np.mean([one[when] for one in here]):.3f}" for when in ("before", "after")]
        cells = [name, f"{price:g}", " to ".join(told), f"{trainings:.2f}"]
        cells += [f"{np.median(one):.1f}" for one in values.values()]
        cells += [_difference(values["wheel"] - values[other]) for other in ("never", "weekly", "always")]
        said.append(f"| {' | '.join(cells)} |")
    return "\n".join(said)


def _difference(each: np.ndarray) -> str:
    draws = np.random.default_rng(0).choice(each, (2000, len(each)))
    low, high = np.quantile(np.median(draws, axis=1), [0.025, 0.975])
    return f"{np.median(each):+.1f} [{low:+.1f}, {high:+.1f}]"


def main() -> None:
    """Run the streams that are named, print each line, then the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("streams", nargs="*", help=f"beginnings of names: {', '.join(STREAMS)}; default all")
    parser.add_argument("--seeds", type=int, default=50)
    parser.add_argument("--first", type=int, default=0, help="the first seed; some were looked at before")
    asked = parser.parse_args()
    names = [name for name in STREAMS if not asked.streams or name.startswith(tuple(asked.streams))]
    lines = []
    for seed in range(asked.first, asked.first + asked.seeds):
        for name in names:
            for line in one_seed(name, seed):
                print(json.dumps(line), flush=True)
                lines.append(line)
    print(summary(lines))


if __name__ == "__main__":
    main()
