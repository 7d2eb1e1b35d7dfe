"""Classes of texts: Noria from nothing and from MiniLM, beside logistic regressions of scikit-learn on n-grams.

    python benchmarks/texts.py [--rounds 3] [--minilm FOLDER] [--peers-alone]

The same training and test records for all: SST-2's own splits; hotel reviews, a tenth drawn for test; headlines, learnt
from the 10,000 of the development file. Noria chooses its weights on validation records of its own where the job keeps
some. Settings were chosen on validation splits cut from training.

Two rivals: TF-IDF of words and pairs (Chinese: one to three characters), and n-grams weighted by log-count ratios (Wang
and Manning 2012, "Baselines and Bigrams"): words and pairs beside two to six characters (Chinese: one to five).
"""

from __future__ import annotations

import argparse
import csv
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from measuring import DATA, ROOT, Contender, interleave, machine, minilm, table, train

JOBS = ROOT / "src" / "noria" / "jobs"
Texts = tuple[list[str], list[str]]
HELD, STRENGTHS = 0.1, (0.003, 0.01, 0.03, 0.1, 0.3, 1.0)


def main() -> None:
    """Run every set with every contender in turn, print a table each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", choices=["sentiment_en", "sentiment_zh", "headlines_zh"])
    parser.add_argument("--minilm", type=Path, default=minilm())
    parser.add_argument("--without-minilm", action="store_true", help="it takes up to half an hour a round")
    parser.add_argument("--peers-alone", action="store_true", help="they take seconds")
    arguments = parser.parse_args()
    print(machine())
    with tempfile.TemporaryDirectory() as scratch:
        for name, (path, learn, test) in sets(Path(scratch)).items():
            if arguments.only not in (None, name):
                continue
            is_chinese, has_noria = name.endswith("zh"), not arguments.peers_alone
            contenders = [
                Contender("TF-IDF + logistic regression", peer(tf_idf, learn, test, is_chinese)),
                Contender("n-grams by log-count ratio", peer(log_count_ratios, learn, test, is_chinese)),
            ]
            if has_noria:
                contenders.append(Contender("Noria, from nothing", noria(name, path)))
            if has_noria and arguments.minilm and not arguments.without_minilm and not is_chinese:
                contenders.append(Contender("Noria, from MiniLM", noria(name, path, arguments.minilm)))
            print(f"\n{name}: {len(learn[0]):,} to learn from, {len(test[0]):,} test")
            interleave(contenders, arguments.rounds)
            print(table(contenders, "test accuracy"))


def sets(scratch: Path) -> dict[str, tuple[Path, Texts, Texts]]:
    """Return path for Noria, and training and test texts with their labels, by name of job."""
    sst, headlines = DATA / "sentiment_en", DATA / "headlines_zh"
    train_and_dev = [one + other for one, other in zip(tsv(sst / "train.tsv"), tsv(sst / "dev.tsv"), strict=True)]
    hotel = divided(DATA / "sentiment_zh" / "ChnSentiCorp_htl_all.csv", scratch)
    return {
        "sentiment_en": (sst, (train_and_dev[0], train_and_dev[1]), tsv(sst / "test.tsv")),
        "sentiment_zh": hotel,
        "headlines_zh": (headlines, tsv(headlines / "dev.txt"), tsv(headlines / "test.txt")),
    }


def tsv(path: Path) -> Texts:
    """Return texts and labels of a file with a text and a label a line."""
    pairs = [line.rsplit("\t", 1) for line in path.read_text("utf-8").splitlines() if "\t" in line]
    return [text for text, _ in pairs], [label for _, label in pairs]


def divided(path: Path, scratch: Path) -> tuple[Path, Texts, Texts]:
    """Write a table again with its test records said, a tenth drawn once, so that all sides have the same."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = [(row["review"], row["label"]) for row in csv.DictReader(file) if row["review"].strip()]
    is_test = np.random.default_rng(0).random(len(rows)) < 0.1
    folder = scratch / "hotel"
    folder.mkdir()
    parts: list[Texts] = []
    for split, flag in (("train", False), ("test", True)):
        chosen = [row for row, one in zip(rows, is_test, strict=True) if one == flag]
        with (folder / f"{split}.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerows([("review", "label"), *chosen])
        parts.append(([text for text, _ in chosen], [label for _, label in chosen]))
    return folder, parts[0], parts[1]


def noria(name: str, path: Path, checkpoint: Path | None = None) -> Callable[[int], float]:
    """Return a run of a shipped job, from nothing or from a checkpoint, that gives its test accuracy."""
    job = JOBS / (f"{name}.yaml" if checkpoint is None else f"{name}_pretrained.yaml")
    start = [] if checkpoint is None else [f"model.pretrained={checkpoint}"]

    def run(seed: int) -> float:
        found = train(job, seed, f"data.path={path}", *start)
        metrics = found["metrics"]
        if "auc" in metrics:  # type: ignore[operator]
            print(f"AUC {metrics['auc']['value']:.4f}", flush=True)  # type: ignore[index]
        return float(metrics["accuracy"]["value"])  # type: ignore[index]

    return run


def peer(
    answer: Callable[..., tuple[np.ndarray, np.ndarray]], learn: Texts, test: Texts, is_chinese: bool
) -> Callable[[int], float]:
    """Return a run of scikit-learn that gives its test accuracy, and prints the AUC where there are two classes."""

    def run(seed: int) -> float:
        from sklearn.metrics import roc_auc_score

        classes, chances = answer(learn[0], np.array(learn[1]), test[0], is_chinese, seed)
        if len(classes) == 2:
            print(f"AUC {roc_auc_score(np.array(test[1]) == classes[1], chances[:, 1]):.4f}", flush=True)
        return float((classes[chances.argmax(1)] == np.array(test[1])).mean())

    return run


def tf_idf(
    texts: list[str], labels: np.ndarray, asked: list[str], is_chinese: bool, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the classes and float[n, classes], how likely each is for the texts that are asked about."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    units = {"analyzer": "char", "ngram_range": (1, 3)} if is_chinese else {"ngram_range": (1, 2)}
    vectors = TfidfVectorizer(sublinear_tf=True, min_df=2, **units)
    model = LogisticRegression(C=10, max_iter=1000, random_state=seed).fit(vectors.fit_transform(texts), labels)
    return model.classes_, model.predict_proba(vectors.transform(asked))


def log_count_ratios(
    texts: list[str], labels: np.ndarray, asked: list[str], is_chinese: bool, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return what `tf_idf` does. How strong the model may be is chosen on a tenth of the training records."""
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.pipeline import make_union

    characters = CountVectorizer(analyzer="char", ngram_range=(1, 5) if is_chinese else (2, 6), min_df=2, binary=True)
    words = CountVectorizer(ngram_range=(1, 2), token_pattern=r"\S+", binary=True)
    ngrams = characters if is_chinese else make_union(words, characters)
    known, classes = ngrams.fit_transform(texts).tocsr(), np.unique(labels)
    is_held = np.random.default_rng(seed).random(len(texts)) < HELD
    scores = []
    for strength in STRENGTHS:
        found = _one_against_the_rest(known[~is_held], labels[~is_held], known[is_held], strength)
        scores.append(float((classes[found.argmax(1)] == labels[is_held]).mean()))
    best = STRENGTHS[int(np.argmax(scores))]
    return classes, _one_against_the_rest(known, labels, ngrams.transform(asked), best)


def _one_against_the_rest(known, labels: np.ndarray, asked, strength: float) -> np.ndarray:  # type: ignore[no-untyped-def]
    """Return float[n, classes]: each class by a logistic regression on n-grams times their ratio for it."""
    from sklearn.linear_model import LogisticRegression

    found = []
    for one in np.unique(labels):
        inside, outside = (1 + np.asarray(known[labels == one].sum(0)), 1 + np.asarray(known[labels != one].sum(0)))
        ratio = np.log(inside / inside.sum()) - np.log(outside / outside.sum())
        model = LogisticRegression(C=strength, solver="liblinear").fit(known.multiply(ratio).tocsr(), labels == one)
        found.append(model.predict_proba(asked.multiply(ratio).tocsr())[:, 1])
    return np.stack(found, 1) / np.sum(found, 0)[:, None]


if __name__ == "__main__":
    main()
