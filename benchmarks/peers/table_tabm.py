"""Tables by TabM with the settings that its authors suggest to begin with. See table_folds.py.

python table_tabm.py TABLE.csv ANSWER label|number SEED OUT.json [--inner]

k 32, 3 layers of 512, dropout 0.1, AdamW at 0.002 with decay 0.0003, batches of 256, 16 epochs of patience on a fifth
of the training rows; numbers by their quantiles. A fold gets NORIA_SECONDS (20) of the processor at most.
"""

from __future__ import annotations

import copy
import os
import time

import numpy as np
import tabm
import torch
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import OrdinalEncoder, QuantileTransformer
from table_folds import Rows, answer_folds
from torch import nn
from torch.nn import functional as F

BATCH, PATIENCE, VALIDATION = 256, 16, 0.2


def by_tabm(train: Rows, test: Rows, is_label: bool, seed: int) -> np.ndarray:
    """Train until validation no longer gets better or the time is over; return the mean of the 32 answers."""
    start, budget = time.process_time(), float(os.environ.get("NORIA_SECONDS", "20"))
    torch.manual_seed(seed)
    order = np.random.default_rng(seed).permutation(len(train.answers))
    cut = int(len(order) * VALIDATION)
    encode, cardinalities = encoder(train[order[cut:]], seed)
    middle, spread = (0.0, 1.0) if is_label else (train.answers.mean(), train.answers.std())
    answers = torch.tensor((train.answers - middle) / spread, dtype=torch.long if is_label else torch.float32)
    num_classes = int(train.answers.max()) + 1 if is_label else 1
    model = tabm.TabM.make(
        n_num_features=train.numbers.shape[1], cat_cardinalities=cardinalities, d_out=num_classes
    )  # fmt: skip
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.002, weight_decay=0.0003)
    (held, held_answers), (learnt, learnt_answers) = (
        (encode(train[part]), answers[part]) for part in (order[:cut], order[cut:])
    )
    best, weights, waited = np.inf, copy.deepcopy(model.state_dict()), 0
    while waited < PATIENCE and time.process_time() - start < budget:
        epoch(model, optimizer, learnt, learnt_answers, is_label)
        loss = score(answered(model, held, is_label), held_answers, is_label)
        waited = 0 if loss < best else waited + 1
        if loss < best:
            best, weights = loss, copy.deepcopy(model.state_dict())
    model.load_state_dict(weights)
    found = answered(model, encode(test), is_label)
    return found.numpy() if is_label else found[:, 0].numpy() * spread + middle


def encoder(train: Rows, seed: int):  # type: ignore[no-untyped-def]
    """Return a function from rows to (numbers, codes of words), and how many codes each column of words has."""
    filled = SimpleImputer(strategy="median", keep_empty_features=True).fit(train.numbers)
    quantiles = QuantileTransformer(
        n_quantiles=max(min(len(train.answers) // 30, 1000), 10), output_distribution="normal", random_state=seed
    ).fit(filled.transform(train.numbers))
    words = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    has_words = train.words.shape[1] > 0
    cardinalities = [len(one) + 1 for one in words.fit(train.words).categories_] if has_words else []

    def encode(rows: Rows) -> tuple[torch.Tensor, torch.Tensor | None]:
        numbers = torch.tensor(quantiles.transform(filled.transform(rows.numbers)), dtype=torch.float32)
        return numbers, torch.tensor(words.transform(rows.words) + 1, dtype=torch.long) if has_words else None

    return encode, cardinalities


def epoch(model: nn.Module, optimizer: torch.optim.Optimizer, inputs, answers, is_label: bool) -> None:  # type: ignore[no-untyped-def]
    """Go once over the rows; each of the 32 learns on its own."""
    model.train()
    for part in torch.randperm(len(answers)).split(BATCH):
        output = model(*(None if one is None else one[part] for one in inputs))
        repeated = answers[part, None].expand(output.shape[:2])
        loss = (
            F.cross_entropy(output.flatten(0, 1), repeated.flatten())
            if is_label
            else F.mse_loss(output.squeeze(-1), repeated)
        )
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


@torch.inference_mode()
def answered(model: nn.Module, inputs, is_label: bool) -> torch.Tensor:  # type: ignore[no-untyped-def]
    """Return the mean of the probabilities or of the numbers."""
    model.eval()
    output = model(*inputs)
    return output.softmax(-1).mean(1) if is_label else output.mean(1)


def score(found: torch.Tensor, answers: torch.Tensor, is_label: bool) -> float:
    """Return log loss or squared error."""
    return float(F.nll_loss(found.clamp_min(1e-9).log(), answers) if is_label else F.mse_loss(found[:, 0], answers))


if __name__ == "__main__":
    answer_folds({"tabm": by_tabm})
