"""SmolLM2 from a GGUF file by transformers.generate, as it loads by default. Run by benchmarks/generation.py.

python generate_smollm2.py FILE.gguf prompts.json TOKENS ROUNDS
"""

import json
import os
import sys
import time
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

path, prompts, tokens, rounds = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
tokenizer = AutoTokenizer.from_pretrained(path.parent, gguf_file=path.name, padding_side="left")
model = AutoModelForCausalLM.from_pretrained(path.parent, gguf_file=path.name)
with open(prompts, encoding="utf-8") as file:
    texts = [f"<|im_start|>user\n{text}<|im_end|>\n<|im_start|>assistant\n" for text in json.load(file)]
if tokenizer.pad_token is None:
    tokenizer.pad_token = tokenizer.eos_token
for turn in range(rounds + 1):
    for size in (1, 16):
        inputs = tokenizer(texts[:size], return_tensors="pt", padding=True, add_special_tokens=False)
        length = 4 if turn == 0 else tokens
        start = time.perf_counter()
        with torch.inference_mode():
            out = model.generate(**inputs, max_new_tokens=length, min_new_tokens=length, do_sample=False)
        if turn:
            print(size, size * length / (time.perf_counter() - start), flush=True)
            if size == 1:
                print("text", json.dumps(tokenizer.decode(out[0, inputs["input_ids"].shape[1] :])), flush=True)
