"""GPT-2 at nanoGPT's CPU size, from scratch on characters, by the Trainer of transformers.

Run by benchmarks/characters.py.

python gpt2_trainer.py input.txt SEED [STEPS [BATCH]]
"""

import os
import sys
import tempfile

os.environ["HF_HUB_OFFLINE"] = "1"

import numpy as np
import torch
from torch.utils.data import Dataset
from transformers import GPT2Config, GPT2LMHeadModel, Trainer, TrainingArguments

BLOCK = 64
path, seed = sys.argv[1], int(sys.argv[2])
steps = int(sys.argv[3]) if len(sys.argv) > 3 else 2000
batch = int(sys.argv[4]) if len(sys.argv) > 4 else 12
with open(path, encoding="utf-8") as file:
    text = file.read()
places = {character: place for place, character in enumerate(sorted(set(text)))}
ids = np.array([places[character] for character in text])
train, test = ids[: int(0.9 * len(ids))], ids[int(0.9 * len(ids)) :]


class Blocks(Dataset):
    """Blocks of characters from random places, as nanoGPT draws them."""

    def __len__(self) -> int:
        return steps * batch

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        start = int(torch.randint(len(train) - BLOCK, ()))
        block = torch.from_numpy(train[start : start + BLOCK])
        return {"input_ids": block, "labels": block}


torch.manual_seed(seed)
model = GPT2LMHeadModel(
    GPT2Config(
        vocab_size=len(places), n_positions=BLOCK, n_embd=128, n_layer=4, n_head=4,
        resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0, bos_token_id=0, eos_token_id=0,
    )
)  # fmt: skip
with tempfile.TemporaryDirectory() as folder:
    settings = TrainingArguments(
        folder, max_steps=steps, per_device_train_batch_size=batch, learning_rate=1e-3, warmup_steps=100,
        lr_scheduler_type="cosine", adam_beta2=0.99, weight_decay=0.1, logging_steps=500, save_strategy="no",
        report_to=[], seed=seed, use_cpu=True, disable_tqdm=True,
    )  # fmt: skip
    done = Trainer(model, settings, train_dataset=Blocks()).train()
model.eval()
count = (len(test) - 1) // BLOCK
x = torch.from_numpy(test[: count * BLOCK]).view(count, BLOCK)
y = torch.from_numpy(test[1 : count * BLOCK + 1]).view(count, BLOCK)
total = 0.0
with torch.inference_mode():
    for one, other in zip(x.split(128), y.split(128), strict=True):
        logits = model(one).logits
        total += torch.nn.functional.cross_entropy(logits.flatten(0, 1), other.flatten(), reduction="sum").item()
print("tokens_per_second", steps * batch * BLOCK / done.metrics["train_runtime"])
print("loss", total / y.numel())
