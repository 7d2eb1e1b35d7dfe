"""What the report shows of transcripts: units that are taken for one another, the worst answers, unknown signs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from noria.metrics.edits import aligned, num_edits
from noria.targets.transcript.confidence import LEAST_WORDS, are_right
from noria.text.units import Units
from noria.types import Arrays, Panel

MOST_CONFUSIONS, MOST_WORST, MOST_SIGNS = 20, 20, 20
MOST_LOOKED_AT = 2_000  # records whose units are aligned
BINS = 10
NOT_FITTED = (
    f"Confidence is as the network says it: of the words of validation fewer than {LEAST_WORDS} were wrong, or right, "
    "too few to fit it. It may be far too sure, of noise above all."
)


def confusions(output: Arrays, truth: Arrays, units: Units) -> Panel:
    """Return which units were taken for which, most often first; `·` stands for none."""
    counts: Counter[tuple[str, str]] = Counter()
    for index in range(min(len(truth["units"]), MOST_LOOKED_AT)):
        given, true = (arrays["units"][index].tolist() for arrays in (output, truth))
        for place, other in aligned(given, true):
            heard = "·" if place is None else units.names[given[place]]
            said = "·" if other is None else units.names[true[other]]
            if heard != said:
                counts[said, heard] += 1
    rows = [[said, heard, count] for (said, heard), count in counts.most_common(MOST_CONFUSIONS)]
    data = {"columns": ["said", "heard", "times"], "rows": rows}
    return Panel("table", "Units taken for one another", data, "`·` is none: left out, or heard where nothing was.")


def worst(output: Arrays, truth: Arrays) -> Panel:
    """Return the answers with the most errors a character."""
    pairs = list(zip(truth["_text"].texts(), output["_text"].texts(), strict=True))
    rates = [num_edits(given, true) / max(1, len(true)) for true, given in pairs]
    order = sorted(range(len(pairs)), key=lambda index: -rates[index])[:MOST_WORST]
    rows = [[*pairs[index], round(rates[index], 3)] for index in order if rates[index] > 0]
    columns = ["truth", "answer", "errors per character"]
    return Panel("table", "Worst transcripts", {"columns": columns, "rows": rows})


def unknown_signs(texts: Sequence[str], units: Units) -> Panel | None:
    """Return the signs of true transcripts that no answer can have, and how often; None where there are none."""
    counts = Counter(sign for text in texts for sign in units.encode(text)[1])
    if not counts:
        return None
    rows = [list(one) for one in counts.most_common(MOST_SIGNS)]
    note = f"{sum(counts.values())} in all, {len(counts)} different: no training transcript has them. Each is an error."
    return Panel("table", "Signs that cannot be answered", {"columns": ["sign", "times"], "rows": rows}, note)


def reliability(output: Arrays, truth: Arrays, chances: Sequence[np.ndarray], is_fitted: bool) -> Panel | None:
    """Return how often words are right, by how sure of them the answer is, and whether that was fitted at all."""
    sure, right = [], []
    for index, (given, true) in enumerate(zip(output["_text"].texts(), truth["_text"].texts(), strict=True)):
        sure += chances[index].tolist()
        right += are_right(given, output["words"][index], true)
    if not sure:
        return None
    bins = np.minimum((np.array(sure) * BINS).astype(int), BINS - 1)
    points = [
        [round(float(np.array(sure)[bins == one].mean()), 4), round(float(np.array(right)[bins == one].mean()), 4)]
        for one in np.unique(bins)
    ]
    data = {"x": "confidence of a word", "y": "share that is right", "lines": {"words": points}, "diagonal": True}
    note = f"{len(sure)} words, in tenths of confidence."
    return Panel("curve", "Are confidences right?", data, note if is_fitted else f"{note} {NOT_FITTED}")
