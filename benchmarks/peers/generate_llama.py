"""SmolLM2 from a GGUF file by llama.cpp's server, within this process (`xllamacpp`). Run by benchmarks/generation.py.

python generate_llama.py FILE.gguf prompts.json TOKENS ROUNDS

As many slots as prompts; those of a batch are asked at once from a thread each, and nothing is kept between rounds.
"""

import json
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from xllamacpp import CommonParams, Server

SIZES, CONTEXT = (1, 16), 512  # tokens that a slot holds
path, prompts, tokens, rounds = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
with open(prompts, encoding="utf-8") as file:
    texts = [f"<|im_start|>user\n{text}<|im_end|>\n<|im_start|>assistant\n" for text in json.load(file)]
params = CommonParams()
params.model.path = path
params.n_parallel = max(SIZES)
params.n_ctx = CONTEXT * max(SIZES)
params.n_gpu_layers = 0
params.cpuparams.n_threads = params.cpuparams_batch.n_threads = int(os.environ.get("OMP_NUM_THREADS", os.cpu_count()))
params.verbosity = -1
server = Server(params)


def answered(text: str, length: int) -> str:
    """Answer greedily with so many tokens, whatever is said."""
    asked = {"prompt": text, "n_predict": length, "temperature": 0, "ignore_eos": True, "cache_prompt": False}
    found = server.handle_completions(asked)
    assert found["usage"]["completion_tokens"] == length if "usage" in found else found["tokens_predicted"] == length
    return found["choices"][0]["text"] if "choices" in found else found["content"]


for turn in range(rounds + 1):
    for size in SIZES:
        length = 4 if turn == 0 else tokens
        start = time.perf_counter()
        with ThreadPoolExecutor(size) as pool:
            answers = list(pool.map(lambda text: answered(text, length), texts[:size]))  # noqa: B023
        if turn:
            print(size, size * length / (time.perf_counter() - start), flush=True)
            if size == 1:
                print("text", json.dumps(answers[0]), flush=True)
