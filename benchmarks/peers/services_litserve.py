"""Servers of LitServe, on a port of this machine: a classifier of texts in batches, or what does nothing.

    python services_litserve.py classifier|noop PORT CHECKPOINT

Its classes stand at the top of a file, for its workers are spawned and import them.
"""

from __future__ import annotations

import sys
from typing import Any

import litserve as ls
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer


class Classifier(ls.LitAPI):
    """MiniLM with a head of two classes."""

    def __init__(self, checkpoint: str, **settings: Any) -> None:
        super().__init__(**settings)
        self.checkpoint = checkpoint

    def setup(self, device: str) -> None:
        self.tokenizer = AutoTokenizer.from_pretrained(self.checkpoint)
        self.model = AutoModelForSequenceClassification.from_pretrained(self.checkpoint).eval()

    def decode_request(self, request: dict[str, str]) -> str:
        return request["text"]

    def predict(self, texts: list[str]) -> list[Any]:
        with torch.inference_mode():
            inputs = self.tokenizer(texts, padding=True, truncation=True, max_length=256, return_tensors="pt")
            return list(self.model(**inputs).logits.softmax(-1))

    def encode_response(self, output: Any) -> dict[str, Any]:
        return {"label": int(output.argmax()), "score": float(output.max())}


class Nothing(ls.LitAPI):
    """Gives back what it is given."""

    def setup(self, device: str) -> None: ...

    def decode_request(self, request: dict[str, str]) -> str:
        return request["text"]

    def predict(self, text: str) -> str:
        return text

    def encode_response(self, output: str) -> dict[str, str]:
        return {"output": output}


if __name__ == "__main__":
    kind, port, checkpoint = sys.argv[1:]
    api = Classifier(checkpoint, max_batch_size=32, batch_timeout=0.01) if kind == "classifier" else Nothing()
    ls.LitServer(api, accelerator="cpu").run(port=int(port), generate_client_file=False, log_level="warning")
