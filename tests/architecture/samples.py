"""A house of a few rooms, in which the wrong and right samples of code are judged."""

from __future__ import annotations

from architecture import layers
from architecture.rules import by_line
from architecture.tree import File, sample

HOUSE = {
    "errors": "",
    "contract": "",
    "contract.capabilities": 'LOGITS = "logits"',
    "contract.settings": "",
    "modalities.image": (
        'KEPT = "image"\nPIXELS = "pixels"\ndef encode() -> Encoded:\n    return Encoded({PIXELS: pixels}, {})'
    ),
    "modalities.text": 'PIXELS = "pixels"',
    "targets.boxes.head": 'def forward(self) -> Output:\n    return {"sides": sides}',
    "targets.label": 'def settle(self) -> Arrays:\n    return {"_text": texts}',
    "tasks.image_classification": "",
    "model.heads": 'def forward(self) -> Output:\n    return {"logits": x}',
    "store.disk": "",
    "store.dataset": "",
    "stages.train": "",
    "report.page": "",
    "service.app": "",
    "cli": "",
}
ORDER = [
    ["errors"],
    ["contract"],
    ["store.disk"],
    ["model"],
    ["modalities", "targets"],
    ["tasks"],
    ["store"],
    ["stages"],
    ["report", "service"],
    ["cli"],
]


def objected(rule: str, name: str, code: str) -> list[int]:
    """Return the lines of a sample that a rule objects to, where the sample stands under a name in such a house."""
    among = house({name: code})
    before, layers.ORDER = layers.ORDER, ORDER
    try:
        return list(by_line(among)[rule](among[name]))
    finally:
        layers.ORDER = before


def house(more: dict[str, str]) -> dict[str, File]:
    return {one: sample(text, one) for one, text in (HOUSE | more).items()}
