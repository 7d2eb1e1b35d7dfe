"""SmolLM2-135M answers many streams: by turns, side by side (`Streams`), and as one padded batch, which is the bound.

    python benchmarks/streams.py [--rounds 5] [--tokens 64] [--precision bfloat16] [--gguf FILE]

New tokens a second of all streams together, prompts included, so many tokens each whatever is said. "arriving": as many
streams again, each begun when another ends, the first ones with unequal lengths. Rounds are interleaved, loading is not
counted. The longest pause is that between two steps while answers are written and others are read.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from generation import QUESTIONS, answer, bundle
from measuring import machine, smollm2

from noria.pipeline.predictor import Predictor, load
from noria.pipeline.streams import Streams

SIZES = (1, 4, 16)
Way = Callable[[Predictor, int, int], tuple[int, float]]  # new tokens, and the longest pause in seconds


def main() -> None:
    """Time all ways in turn, print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--precision", default="bfloat16")
    parser.add_argument("--gguf", type=Path, default=smollm2())
    arguments = parser.parse_args()
    ways: dict[str, Way] = {"by turns": by_turns, "side by side": at_once, "arriving": arriving, "one batch": one_batch}
    rates: dict[tuple[int, str], list[float]] = {}
    pauses: dict[tuple[int, str], list[float]] = {}
    with tempfile.TemporaryDirectory() as scratch:
        bundle(arguments.gguf, Path(scratch))
        model = endless(load(Path(scratch) / "run", device="cpu", precision=arguments.precision))
        one_batch(model, 1, 4)
        print(machine(), arguments.precision)
        for turn in range(arguments.rounds):
            for size in SIZES:
                for name, way in ways.items():
                    start = time.perf_counter()
                    tokens, pause = way(model, size, arguments.tokens)
                    rates.setdefault((size, name), []).append(tokens / (time.perf_counter() - start))
                    pauses.setdefault((size, name), []).append(pause)
            print(f"round {turn + 1}", {f"{k[1]} x {k[0]}": round(v[-1], 1) for k, v in rates.items()}, flush=True)
    print("| streams | | new tokens a second, median (range) | times | longest pause, ms |\n|---|---|---|---|---|")
    for (size, name), found in rates.items():
        median, first = statistics.median(found), statistics.median(rates[size, "by turns"])
        pause = 1000 * statistics.median(pauses[size, name])
        spread = f"{median:.1f} ({min(found):.1f}-{max(found):.1f})"
        print(f"| {size} | {name} | {spread} | {median / first:.2f} | {pause:.0f} |")


def endless(model: Predictor) -> Predictor:
    """Return the model with answers that nothing ends."""
    model.states = {**model.states, "target": {**model.states["target"], "answer_end": -1}}
    return model


def records(size: int) -> list[dict[str, Any]]:
    """Return so many questions."""
    asked = [QUESTIONS[index % len(QUESTIONS)] for index in range(size)]
    return [{"messages": [{"role": "user", "content": one}]} for one in asked]


def by_turns(model: Predictor, size: int, tokens: int) -> tuple[int, float]:
    """Take a piece of each stream in turn, each of which is a batch of one: how streams were served before."""
    streams = [model.stream(one, max_tokens=tokens) for one in records(size)]
    pause, last = 0.0, time.perf_counter()
    while streams:
        streams = [one for one in streams if next(one).ended is None]
        pause, last = max(pause, time.perf_counter() - last), time.perf_counter()
    return size * tokens, pause


def at_once(model: Predictor, size: int, tokens: int) -> tuple[int, float]:
    """Begin all at the same time."""
    return written(model, size, [tokens] * size)


def arriving(model: Predictor, size: int, tokens: int) -> tuple[int, float]:
    """Begin one whenever another ends."""
    first = [tokens * (place + 1) // size for place in range(size)]
    return written(model, size, [*first, *[tokens] * size])


def written(model: Predictor, most: int, lengths: list[int]) -> tuple[int, float]:
    """Write answers of these lengths, at most so many at once."""
    (chunk,) = model.encoded(records(len(lengths)))
    streams, begun = Streams(model, most), 0
    pause, last = 0.0, time.perf_counter()
    while begun < len(lengths) or len(streams):
        while begun < len(lengths) and len(streams) < most:
            streams.begin(chunk, begun, {"max_tokens": lengths[begun]})
            begun += 1
        streams.step()
        assert not streams.errors, streams.errors
        pause, last = max(pause, time.perf_counter() - last), time.perf_counter()
    return sum(lengths), pause


def one_batch(model: Predictor, size: int, tokens: int) -> tuple[int, float]:
    """Write all as one padded batch, which nobody can join and whose pieces nobody sees."""
    answer(model, size, tokens)
    return size * tokens, 0.0


if __name__ == "__main__":
    main()
