"""LoRA fine-tuning of a checkpoint by `peft` and the Trainer of transformers. Run by benchmarks/lora.py.

python lora_trainer.py FOLDER talks.json RANK STEPS BATCH RATE SEED float32|bfloat16
"""

import json
import os
import sys
import tempfile
import time
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"

import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer, DataCollatorForSeq2Seq, Trainer, TrainingArguments

folder, talks = sys.argv[1], json.loads(Path(sys.argv[2]).read_text("utf-8"))
rank, steps, batch, rate, seed = (
    int(sys.argv[3]),
    int(sys.argv[4]),
    int(sys.argv[5]),
    float(sys.argv[6]),
    int(sys.argv[7]),
)
tokenizer = AutoTokenizer.from_pretrained(folder)
if tokenizer.pad_token is None:
    tokenizer.pad_token = tokenizer.eos_token
model = AutoModelForCausalLM.from_pretrained(folder, dtype="float32")
torch.manual_seed(seed)
model = get_peft_model(model, LoraConfig(r=rank, lora_alpha=2 * rank, target_modules="all-linear"))


def encoded(talk: dict[str, str]) -> dict[str, list[int]]:
    """Return one conversation as ids, of which only the reply is learnt."""
    asked = f"<|im_start|>user\n{talk['asked']}<|im_end|>\n<|im_start|>assistant\n"
    prompt, reply = (
        tokenizer(text, add_special_tokens=False)["input_ids"] for text in (asked, f"{talk['reply']}<|im_end|>")
    )
    return {"input_ids": prompt + reply, "labels": [-100] * len(prompt) + reply}


train, test = ([encoded(talk) for talk in talks[split]] for split in ("train", "test"))
with tempfile.TemporaryDirectory() as out:
    settings = TrainingArguments(
        out, max_steps=steps, per_device_train_batch_size=batch, learning_rate=rate, warmup_steps=round(0.2 * steps),
        lr_scheduler_type="linear", adam_beta2=0.99, weight_decay=0.0, max_grad_norm=0.0, logging_steps=1,
        save_strategy="no", report_to=[], seed=seed, use_cpu=True, disable_tqdm=True, bf16=sys.argv[8] == "bfloat16",
        train_sampling_strategy="group_by_length",
    )  # fmt: skip
    trainer = Trainer(model, settings, train_dataset=train, data_collator=DataCollatorForSeq2Seq(tokenizer))
    start = time.perf_counter()
    trainer.train()
    seconds = time.perf_counter() - start
losses = [line["loss"] for line in trainer.state.log_history if "loss" in line]
model.eval()
nats, count = 0.0, 0
with torch.inference_mode():
    for one in test:
        ids, labels = (torch.tensor([one[name]]) for name in ("input_ids", "labels"))
        learnt = int((labels != -100).sum())
        nats, count = nats + model(input_ids=ids, labels=labels).loss.item() * learnt, count + learnt
found = {
    "tokens": sum(len(one["input_ids"]) for one in train),
    "seconds": seconds,
    "train_loss": sum(losses[-10:]) / len(losses[-10:]),
    "loss": nats / count,
    "weights": sum(weight.numel() for weight in model.parameters() if weight.requires_grad),
}
print(json.dumps(found))
