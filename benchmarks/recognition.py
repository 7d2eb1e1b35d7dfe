"""Words of Mandarin that training has not heard: recognised open, with the lexicon of all words, by the nearest clip.

    python benchmarks/recognition.py [--seeds 3] [--data hsk1-5.tar] [--runs FOLDER] [--joined 6]

A fifth of the 2,306 words is held out, drawn by the seed, and 8 % more for validation; one voice says all of them
(hsk1-5.tar, file names are the words). Open: any syllables. Closed: one of all words, each as likely, held-out ones
included, which is what a menu of commands is. Nearest clip: the transcript of the training clip with the smallest
distance by dynamic time warping over normalised log-mel at 40 ms, the line that learns nothing. Running: held-out words
in rows of eight, heard as one recording; --joined is target.joined in training, 1 as in the shipped job. Runs that are
in the folder are scored again rather than trained. Real-time factor: seconds of one core, from a file's bytes to the
answer.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from measuring import DATA, machine

import noria
from noria.metrics.intervals import measure
from noria.pipeline.predictor import load
from noria.reporter import Silent
from noria.sound.reading import read_sound
from noria.sources.formats.opening import open_source
from noria.stages.prepared_again import prepared_again
from noria.targets.transcript.beam import Found, greedy, search
from noria.targets.transcript.grammar import Lexicon
from noria.targets.transcript.words import spoken
from noria.text.units import units_of
from noria.types import Arrays, Dataset, Ragged

STEP = 4  # frames of 10 ms that are one for the nearest clip
BEAMS = 16
BATCH = 64
SPEED_CLIPS = 100
SHOWN = {  # wer: of signs, each of which is a word
    "open": ("syllable_error", "toneless_error", "tone_error", "wer"),
    "closed": ("wer",),
    "nearest": ("syllable_error", "wer"),
}
IN_A_ROW = 8  # words of a running recording


def main() -> None:
    """Train or load a run for each seed, score it three ways, print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--data", type=Path, default=DATA / "mandarin_words" / "hsk1-5.tar")
    parser.add_argument("--runs", type=Path, default=Path(tempfile.gettempdir()) / "recognition")
    parser.add_argument("--joined", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    print(machine())
    print("| seed | n | how | score | value | 95 % interval |\n|---|---|---|---|---|---|")
    for seed in range(arguments.seeds):
        run = arguments.runs / f"seed{seed}"
        if not (run / "bundle").is_dir():
            split = [f"data.split.seed={seed}", f"train.seed={seed}", f"target.joined={arguments.joined}"]
            noria.train("mandarin_words", [f"data.path={arguments.data}", *split], run, reporter=Silent())
        for line in rows(run, seed):
            print(line, flush=True)
        print(f"| {seed} | {SPEED_CLIPS} clips | real-time factor | {speed(run, arguments.data):.4f} | |", flush=True)


def rows(run: Path, seed: int) -> list[str]:
    """Return the lines of the table that one run gives."""
    _, task, prepared = prepared_again(run, Silent())
    test, state = prepared.splits["test"], prepared.states["target"]
    metrics = {one.name: one for one in task.target.metrics(state)}
    lines = []
    for how, answers in answered(run, prepared.splits, state).items():
        found = measure([metrics[name] for name in SHOWN[how]], answers, _all(test.target), groups=test.groups)
        for name, one in found.items():
            value = f"{one['value']:.3f} | {one['low']:.3f} to {one['high']:.3f}"
            lines.append(f"| {seed} | {len(test)} | {how} | {name} | {value} |")
    answers, truth = running(run, test)
    found = measure([metrics[name] for name in ("syllable_error", "toneless_error")], answers, truth)
    for name, one in found.items():
        value = f"{one['value']:.3f} | {one['low']:.3f} to {one['high']:.3f}"
        lines.append(f"| {seed} | {len(truth['units'])} rows | running | {name} | {value} |")
    return lines


def running(run: Path, test: Dataset) -> tuple[Arrays, Arrays]:
    """Return answers and truth of the test words in rows of IN_A_ROW."""
    model = load(run / "bundle").network.eval()
    mels, units, found, true = test.inputs["audio"]["mel"][:], test.target["units"][:], [], []
    for start in range(0, len(test) // IN_A_ROW * IN_A_ROW, IN_A_ROW):
        row = range(start, start + IN_A_ROW)
        mel = torch.from_numpy(np.concatenate([mels[index] for index in row]))[None]
        with torch.inference_mode():
            output = model({"audio": {"mel": mel, "mel.lengths": torch.tensor([mel.shape[1]])}})
        found.append(greedy(output["logits"][0].float().log_softmax(-1).numpy()).ids)
        true.append(np.concatenate([units[index] for index in row]))
    texts = Ragged.of_texts([""] * len(true))
    answers, truth = ({"units": Ragged.of(rows, np.int32), "_text": texts} for rows in (found, true))
    return answers, truth


def answered(run: Path, splits: Mapping[str, Dataset], state: Mapping[str, Any]) -> dict[str, Arrays]:
    """Return the answers to the test records: open, closed, and those of the nearest training clip."""
    units = units_of(state["units"])
    words = sorted({text for one in splits.values() for text in one.target["_text"][:].texts()})
    lexicon = Lexicon({word: units.encode(word)[0] for word in words}, None, None, 1.0)
    tables = log_probs(run, splits["test"])
    closed = [search(table, lexicon, BEAMS) or greedy(table) for table in tables]
    near = nearest(splits["train"], splits["test"])
    known = splits["train"].target
    return {
        "open": _answers([greedy(table) for table in tables], state),
        "closed": _answers(closed, state),
        "nearest": {name: known[name][near] for name in ("units", "_text")},
    }


def log_probs(run: Path, dataset: Dataset) -> list[np.ndarray]:
    """Return the log-probabilities float[T, units] of each record."""
    model = load(run / "bundle").network.eval()
    found = []
    with torch.inference_mode():
        for start in range(0, len(dataset), BATCH):
            output = model(dataset.batch(slice(start, min(start + BATCH, len(dataset)))).inputs)
            tables = output["logits"].float().log_softmax(-1).numpy()
            found += [table[:frames] for table, frames in zip(tables, output["frames"].tolist(), strict=True)]
    return found


def nearest(train: Dataset, test: Dataset) -> np.ndarray:
    """Return the training record with the smallest distance by dynamic time warping to each test record, int64[n]."""
    known, asked = (_slow(one.inputs["audio"]["mel"][:]) for one in (train, test))
    joined = np.concatenate(known)
    mean, spread = joined.mean(0), joined.std(0)
    lengths = np.array([len(one) for one in known])
    templates = np.zeros((len(known), lengths.max(), joined.shape[1]), np.float32)
    for index, one in enumerate(known):
        templates[index, : len(one)] = (one - mean) / spread
    squares = (templates**2).sum(-1)
    found = []
    for one in asked:
        clip = (one - mean) / spread
        cost = (clip**2).sum(-1)[:, None] + squares[:, None] - 2 * np.einsum("td,nsd->nts", clip, templates)
        found.append(int((_warped(np.sqrt(np.maximum(cost, 0)), lengths) / (lengths + len(clip))).argmin()))
    return np.array(found)


def _slow(mel: Ragged) -> list[np.ndarray]:
    """Return the frames of each sound, every STEP of them averaged."""
    rows = [mel[index].astype(np.float32) for index in range(len(mel))]
    return [row[: len(row) // STEP * STEP].reshape(-1, STEP, row.shape[1]).mean(1) for row in rows]


def _warped(cost: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Return the cost of the best path through each float[N, T, S], to the end of each template."""
    before = cost[:, 0].cumsum(1)
    for frame in range(1, cost.shape[1]):
        after = np.empty_like(before)
        after[:, 0] = before[:, 0] + cost[:, frame, 0]
        for place in range(1, cost.shape[2]):
            way = np.minimum(np.minimum(before[:, place], before[:, place - 1]), after[:, place - 1])
            after[:, place] = way + cost[:, frame, place]
        before = after
    return np.asarray(before[np.arange(len(lengths)), lengths - 1])


def speed(run: Path, data: Path) -> float:
    """Return seconds of one core a second of sound, clip by clip."""
    model = load(run / "bundle")
    clips = [bytes(one) for rows in open_source(data).rows() for one in rows.columns["file"][:SPEED_CLIPS]][
        :SPEED_CLIPS
    ]
    model.predict(clips[0])
    start = time.process_time()
    for clip in clips:
        model.predict(clip)
    worked = time.process_time() - start
    return worked / sum(read_sound(clip).duration_s for clip in clips)


def _answers(found: Sequence[Found], state: Mapping[str, Any]) -> Arrays:
    units = units_of(dict(state["units"]))
    return {
        "units": Ragged.of([one.ids for one in found], np.int32),
        "_text": Ragged.of_texts([spoken(one, units).text for one in found]),
    }


def _all(arrays: Arrays) -> Arrays:
    return {name: values[:] for name, values in arrays.items()}


if __name__ == "__main__":
    main()
