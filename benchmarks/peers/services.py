"""Servers that people would write, on a port of this machine.

    python services.py KIND PORT CHECKPOINT

KIND is fastapi or llamacpp; unpacked writes what `transformers serve` takes; bare answers
sentences from standard input with Noria's predictor, without a service, and prints the median milliseconds.
"""

from __future__ import annotations

import statistics
import sys
import time
from typing import Any


def fastapi(port: int, checkpoint: str) -> None:
    """Serve a classifier of texts by FastAPI around a pipeline, one request after another."""
    import uvicorn
    from fastapi import FastAPI
    from transformers import AutoModelForSequenceClassification, AutoTokenizer, pipeline

    tokenizer = AutoTokenizer.from_pretrained(checkpoint, model_max_length=256)
    model = AutoModelForSequenceClassification.from_pretrained(checkpoint)
    classify = pipeline("text-classification", model=model, tokenizer=tokenizer, truncation=True)
    app = FastAPI()

    @app.post("/predict")
    def predict(request: dict[str, str]) -> dict[str, Any]:
        return classify(request["text"])[0]

    uvicorn.run(app, port=port, log_level="warning")


def llamacpp(port: int, gguf: str) -> None:
    """Serve a GGUF file by the server of llama.cpp."""
    import xllamacpp as llama

    parameters = llama.CommonParams()
    parameters.model.path = gguf
    parameters.port, parameters.n_parallel, parameters.n_ctx = port, 16, 16 * 512
    parameters.cpuparams.n_threads = 2
    server = llama.Server(parameters)
    print(server, flush=True)
    while True:
        time.sleep(3600)


def unpacked(_: int, paths: str) -> None:
    """Write the weights and the tokenizer of a GGUF file as a folder of transformers in bfloat16: GGUF:FOLDER."""
    from pathlib import Path

    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    gguf, folder = map(Path, paths.split(":"))
    packed = AutoModelForCausalLM.from_pretrained(gguf.parent, gguf_file=gguf.name, dtype=torch.bfloat16)
    config = packed.config
    del config.quantization_config
    config.architectures = [type(packed).__name__]
    model = type(packed)(config).to(torch.bfloat16)
    model.load_state_dict(packed.state_dict())
    model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name).save_pretrained(folder)


def bare(_: int, run: str) -> None:
    """Answer sentences one by one with the predictor alone."""
    from noria import load

    model = load(run)
    texts = sys.stdin.read().split("\0")
    for text in texts[:20]:
        model.predict({"text": text})
    found = []
    for text in texts:
        start = time.perf_counter()
        model.predict({"text": text})
        found.append(time.perf_counter() - start)
    print(statistics.median(found) * 1000)


if __name__ == "__main__":
    globals()[sys.argv[1]](int(sys.argv[2]), sys.argv[3])
