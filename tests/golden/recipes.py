"""What each golden bundle is trained on and with: the smallest settings, and variants of state that people have."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from noria.contract import registry
from noria.contract.examples import records_like

Records = list[dict[str, Any]]


@dataclass(frozen=True)
class Recipe:
    """A task, the settings of its job over those of `tiny_job`, and its records (None: like the task's example)."""

    task: str
    settings: dict[str, Any] = field(default_factory=dict)
    records: Callable[[int, int], Records] | None = None
    stored: int = 4  # inputs and answers that are kept

    def draw(self, count: int, seed: int) -> Records:
        """Return records, answers included."""
        return self.records(count, seed) if self.records else records_like(registry.task(self.task), count, seed)


def recipe(name: str) -> Recipe:
    """Return the recipe of TASK or TASK+VARIANT; a task that is not named below takes `tiny_job` as it is."""
    return RECIPES.get(name) or Recipe(name)


def flats(count: int, seed: int) -> Records:
    """Return rows about flats, `number` is the rent."""
    generator = np.random.default_rng(seed)
    records: Records = []
    for _ in range(count):
        rooms, district = int(generator.integers(1, 7)), str(generator.choice(["north", "south", "harbour"]))
        area = round(float(18 * rooms + generator.normal(0, 4)), 1)
        rent = 0.1 * area + (3 if district == "harbour" else 0) + float(generator.normal(0, 0.2))
        row = {"rooms": str(rooms), "area": str(area), "district": district}
        records.append({"table": row, "number": round(rent, 2)})
    return records


def flats_with_gaps(count: int, seed: int) -> Records:
    """Return such rows with the date of building and holes in every column; `label` says whether it is dear."""
    generator = np.random.default_rng(seed)
    records: Records = []
    for record in flats(count, seed):
        year, month, day = (int(generator.integers(*ends)) for ends in ((1950, 2020), (1, 13), (1, 29)))
        row = {**record["table"], "built": f"{year}-{month:02}-{day:02}"}
        holes = {name: generator.choice(["", "?", "n/a"]) for name in row if generator.random() < 0.15}
        label = "dear" if record["number"] + (year - 1985) / 10 > 8 else "fair"
        records.append({"table": {name: str(holes.get(name, cell)) for name, cell in row.items()}, "label": label})
    return records


CHARACTERS = {"tokenizer": "character"}
SMALL_TABLE = {"hidden": 16, "layers": 2, "members": 2, "column_width": 4}
NARROW = {"widths": [4, 4, 4, 8, 8]}
FEW_SUBSTRUCTURES = {"inputs": {"molecule": {"hidden": 4, "members": 2}}}
WRITTEN = {"max_tokens": 16}

RECIPES = {
    "chat": Recipe(  # long enough that replies end
        "chat", {"inputs": {"messages": CHARACTERS}, "target": {"max_tokens": 64}, "train": {"steps": 600}}
    ),
    "masked-language-modelling": Recipe("masked-language-modelling", {"inputs": {"masked": CHARACTERS}}),
    "molecule-generation": Recipe(  # long enough that what is written is a molecule
        "molecule-generation", {"target": {"temperature": 0.1}, "train": {"steps": 1500}}
    ),
    "molecule-properties": Recipe("molecule-properties", FEW_SUBSTRUCTURES),
    "molecule-property": Recipe("molecule-property", FEW_SUBSTRUCTURES),
    "molecule-safety": Recipe("molecule-safety", FEW_SUBSTRUCTURES),
    "object-detection": Recipe("object-detection", {"inputs": {"image": NARROW}, "train": {"steps": 200}}, stored=3),
    "object-tracking": Recipe("object-tracking", stored=3),
    "question-answering": Recipe(
        "question-answering",
        {"inputs": {"question": CHARACTERS, "context": CHARACTERS}, "train": {"steps": 400}},
    ),
    "semantic-segmentation": Recipe(
        "semantic-segmentation", {"inputs": {"image": NARROW}, "train": {"steps": 120}}, stored=3
    ),
    "summarization": Recipe("summarization", {"inputs": {"source": CHARACTERS}, "target": WRITTEN}),
    "tabular-classification": Recipe(
        "tabular-classification", {"inputs": {"table": SMALL_TABLE}, "train": {"steps": 25}}
    ),
    "tabular-multilabel": Recipe("tabular-multilabel", {"inputs": {"table": SMALL_TABLE}}),
    "tabular-regression": Recipe(
        "tabular-regression", {"inputs": {"table": SMALL_TABLE}, "train": {"steps": 60}}, flats
    ),
    "text-classification": Recipe("text-classification", {"inputs": {"text": CHARACTERS}}),
    "text-embedding": Recipe("text-embedding", {"inputs": {"text": CHARACTERS}}),
    "text-generation": Recipe("text-generation", {"inputs": {"prompt": CHARACTERS}, "target": WRITTEN}),
    "token-classification": Recipe("token-classification", {"inputs": {"text": CHARACTERS}, "train": {"steps": 200}}),
    "translation": Recipe("translation", {"inputs": {"source": CHARACTERS}, "target": WRITTEN}),
    # Variants of state that people have.
    "image-classification+whitened": Recipe(
        "image-classification",
        {"inputs": {"image": {"whiten": True, "size": [20, 20], "mirror": True, "color_jitter": 0.1, "stretch": 0.1}}},
    ),
    "object-detection+tiled": Recipe(
        "object-detection",
        {"inputs": {"image": {**NARROW, "tile": [32, 32], "overlap": 0.5}}, "train": {"steps": 200}},
        stored=2,
    ),
    "tabular-classification+dates": Recipe(
        "tabular-classification",
        {"inputs": {"table": SMALL_TABLE}, "train": {"steps": 60, "ema": 0.9}},
        flats_with_gaps,
    ),
    "tabular-regression+columns": Recipe(
        "tabular-regression",
        {"inputs": {"table": {**SMALL_TABLE, "stem": "columns"}}, "model": {"depth": 1}},
        flats,
    ),
    "text-classification+characters": Recipe(
        "text-classification",
        {
            "inputs": {"text": {"tokenizer": "bpe", "vocabulary": 280, "ngrams": 2, "characters": 1, "drop": 0.1}},
            "target": {"is_voting": True, "rdrop": 0.1, "class_groups": {"good": ["positive high"]}},
            "model": {"depth": 0, "width": 2, "heads": 1},  # a table of grams has 32,768 rows of this width
            "train": {"steps": 300, "learning_rate": 0.03},
        },
    ),
    "translation+bpe": Recipe(
        "translation",
        {"inputs": {"source": {"tokenizer": "bpe", "vocabulary": 290, "lowercase": True}}, "target": WRITTEN},
    ),
}


def wanted_names() -> list[str]:
    """List the bundles that there should be: one of every task that can be found, and the variants."""
    return sorted({*registry.names("tasks"), *RECIPES})
