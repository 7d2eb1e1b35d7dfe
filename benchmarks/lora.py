"""SmolLM2-135M taught by LoRA to answer questions from a text: `peft` with the Trainer of transformers, and Noria.

    python benchmarks/lora.py [--rounds 2] [--steps 30] [--tested 48] [--gguf FILE]

XQuAD in English as conversations, test apart by paragraph; only replies are learnt. Both take the same checkpoint (the
GGUF file written as floats, since the Trainer refuses it), data, rank, matrices, batch, steps, AdamW and rates, draw
batches of like length, and see each conversation once. A token is one of prompt or reply, padding left out. Memory is
the most that the process held, loading included. Interleaved.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

from measuring import DATA, NORIA, ROOT, environment, machine, smollm2

RANK, BATCH, RATE = 8, 4, 1e-3
LONGEST = 1200  # characters of a paragraph
Talks = dict[str, list[dict[str, str]]]


def main() -> None:
    """Run all sides in turn, print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--tested", type=int, default=48, help="conversations held out")
    parser.add_argument("--gguf", type=Path, default=smollm2())
    parser.add_argument("--only", choices=["noria"], help="while working on it")
    arguments = parser.parse_args()
    python = environment("lora", ["torch==2.13.0", "transformers==5.24.0", "accelerate", "peft", "gguf"])
    found: dict[str, list[dict[str, float]]] = {}
    with tempfile.TemporaryDirectory() as name:
        scratch, peer = Path(name), ROOT / "benchmarks" / "peers" / "lora_trainer.py"
        talks = talks_of(BATCH * arguments.steps, arguments.tested)
        write(talks, scratch)
        checkpoint = floats(arguments.gguf, scratch / "checkpoint")
        print(machine())
        for turn in range(arguments.rounds):
            for kind in ("float32", "bfloat16") if arguments.only is None else ():
                said = (RANK, arguments.steps, BATCH, RATE, turn, kind)
                command = [str(python), str(peer), str(checkpoint), str(scratch / "talks.json"), *map(str, said)]
                spoken, measured = run(command, scratch)
                found.setdefault(f"peft and Trainer, {kind}", []).append({**json.loads(spoken), **measured})
            found.setdefault("Noria", []).append(noria(checkpoint, scratch, arguments.steps, turn, tokens(found)))
            print(f"round {turn + 1}", {name: one[-1] for name, one in found.items()}, flush=True)
    first = statistics.median(rates(found[next(iter(found))]))
    print(
        "| | tokens a second, median (range) | times | peak memory, MB | last training loss | held-out loss | all, s |"
    )
    print("|---|---|---|---|---|---|---|")
    for side, runs in found.items():
        median, cells = statistics.median(rates(runs)), [spread(rates(runs), 0)]
        cells += [f"{median / first:.2f}", spread([one["megabytes"] for one in runs], 0)]
        cells += [spread([one[name] for one in runs], 3) for name in ("train_loss", "loss")]
        print(f"| {side} | {' | '.join([*cells, spread([one['whole'] for one in runs], 0)])} |")


def floats(gguf: Path, folder: Path) -> Path:
    """Write a GGUF file as a folder of safetensors."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name).save_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(gguf.parent, gguf_file=gguf.name, dtype="float32")
    del model.config.quantization_config  # it says that this was GGUF, and nobody would write it
    plain = type(model)(model.config)
    plain.load_state_dict(model.state_dict())
    plain.save_pretrained(folder)
    return folder


def tokens(found: dict[str, list[dict[str, float]]]) -> float:
    """Return how many tokens the peer counted; it is the same for all."""
    return next(iter(found.values()))[0]["tokens"] if found else 1.0


def rates(runs: Iterable[dict[str, float]]) -> list[float]:
    """Return tokens a second of each run."""
    return [one["tokens"] / one["seconds"] for one in runs]


def spread(values: list[float], digits: int) -> str:
    """Return the median and the range."""
    return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f}-{max(values):.{digits}f})"


def noria(checkpoint: Path, scratch: Path, steps: int, seed: int, count: float) -> dict[str, float]:
    """Train the chat task and return what the peer returns."""
    folder = scratch / f"run{seed}"
    command = [*NORIA, "train", "chat", f"data.path={scratch / 'talks.jsonl'}", "data.split.column=split"]
    command += [
        "data.split.validation=0",
        f"model.pretrained={checkpoint}",
        f"model.lora={RANK}",
        "target.overlap=none",
    ]
    command += ["train.epochs=null", f"train.steps={steps}", f"train.batch_size={BATCH}", "train.optimizer=adamw"]
    command += [f"train.learning_rate={RATE}", "train.validations=0", f"train.seed={seed}", "--run", str(folder)]
    os.environ["NORIA_CACHE"] = str(scratch / f"cache{seed}")
    _, measured = run([*command, "--json"], scratch)
    history = [json.loads(line) for line in (folder / "history.jsonl").read_text("utf-8").splitlines()]
    times = [json.loads(line) for line in (folder / "times.jsonl").read_text("utf-8").splitlines()]
    metrics = json.loads((folder / "metrics.json").read_text("utf-8"))["metrics"]
    losses = [line["loss"] for line in history][-10:]
    own = {"tokens": count, "seconds": times[-1]["seconds"], "train_loss": sum(losses) / len(losses)}
    return {**own, "loss": metrics["loss"]["value"], **measured}


def run(command: list[str], scratch: Path) -> tuple[str, dict[str, float]]:
    """Run a command; return the last line of what it prints, its seconds and the megabytes that it held at most."""
    with (scratch / "out").open("w+", encoding="utf-8") as out:
        start = time.perf_counter()
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        out.seek(0)
        lines = out.read().strip().splitlines()
    if status:
        raise RuntimeError(f"{command[0]} ended with {os.waitstatus_to_exitcode(status)}: {lines[-5:]}")
    return lines[-1] if lines else "", {"whole": seconds, "megabytes": usage.ru_maxrss * 1024 / 1e6}


def talks_of(count: int, tested: int) -> Talks:
    """Return so many conversations to learn from, and some about other paragraphs."""
    data = json.loads((DATA / "squad_en" / "xquad.en.json").read_text("utf-8"))["data"]
    paragraphs = [one for article in data for one in article["paragraphs"] if len(one["context"]) <= LONGEST]
    test = paragraphs[::5]
    train = [one for one in paragraphs if one not in test]

    def talks(chosen: list[dict[str, object]], most: int) -> list[dict[str, str]]:
        every: list[dict[str, str]] = [
            {"asked": f"{one['context']}\n\n{qa['question']}", "reply": qa["answers"][0]["text"]}
            for one in chosen
            for qa in one["qas"]  # type: ignore[attr-defined]
        ]
        step = max(1, len(every) // most)
        return every[::step][:most]

    return {"train": talks(train, count), "test": talks(test, tested)}


def write(talks: Talks, scratch: Path) -> None:
    """Write the conversations for the peer, and for Noria in the form of its task."""
    (scratch / "talks.json").write_text(json.dumps(talks, ensure_ascii=False), "utf-8")
    lines = [
        json.dumps(
            {"messages": [{"role": "user", "content": one["asked"]}], "text": one["reply"], "split": split},
            ensure_ascii=False,
        )
        for split, ones in talks.items()
        for one in ones
    ]
    (scratch / "talks.jsonl").write_text("\n".join(lines), "utf-8")


if __name__ == "__main__":
    main()
