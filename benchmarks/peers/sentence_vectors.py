"""Vectors of sentences by sentence-transformers, two backends, and by transformers. Run by benchmarks/sentences.py.

python sentence_vectors.py MODEL-FOLDER sentences.txt vectors.npy ROUNDS
"""

import os
import sys
import time

os.environ["HF_HUB_OFFLINE"] = "1"

import numpy as np
from sentence_transformers import SentenceTransformer
from transformers import pipeline

folder, texts, out, rounds = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
with open(texts, encoding="utf-8") as file:
    sentences = file.read().split("\0")
model = SentenceTransformer(folder, device="cpu")
config = {"INFERENCE_PRECISION_HINT": "bf16"}
by_openvino = SentenceTransformer(folder, device="cpu", backend="openvino", model_kwargs={"ov_config": config})
features = pipeline("feature-extraction", model=folder, device="cpu")
few = sentences[:32]
model.encode(few)
by_openvino.encode(few)
features(few, batch_size=32)
for _ in range(rounds):
    start = time.perf_counter()
    vectors = model.encode(sentences)
    print("sentence-transformers", len(sentences) / (time.perf_counter() - start), flush=True)
    start = time.perf_counter()
    by_openvino.encode(sentences)
    print("sentence-transformers by OpenVINO, bfloat16", len(sentences) / (time.perf_counter() - start), flush=True)
    start = time.perf_counter()
    for _ in features(sentences[:256], batch_size=32, truncation=True):
        pass
    print("pipeline", 256 / (time.perf_counter() - start), flush=True)
np.save(out, vectors)
