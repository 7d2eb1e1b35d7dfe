"""Small pictures of kinds that no job was tuned to: the default job beside one whose settings a person chose.

    OMP_NUM_THREADS=1 python benchmarks/pictures.py [--rounds 3] [--only emoji]
    OMP_NUM_THREADS=1 python benchmarks/pictures.py --choose blocks=1 target.smoothing=0

    emoji        1,300 of Noto's font to learn from, squares of 36 to 60 pixels; the nine groups of Unicode
    characters   letters and digits in the faces of DejaVu, 24 to 40 pixels, some faces held out
    digits96     MNIST's digits, 28 to 64 pixels large, anywhere on a noisy ground of 96 x 96

Hand-set are side, stages, blocks, augmentation and smoothing for each; both jobs take as many steps. Settings of both
were chosen with --choose, which holds out a part of the training pictures and never reads the test pictures; what
follows it are settings of inputs.image or, with a section before them, of any part of the job.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from measuring import DATA, Contender, interleave, machine, table, train
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont

from noria.sources.formats.opening import open_source
from noria.vision.pictures import read_picture

FONTS = Path("/usr/share/fonts/truetype/dejavu")
HELD_OUT_FACES = ("Serif-BoldItalic", "SansMono-Oblique", "SansCondensed-Bold", "Sans-ExtraLight", "SerifCondensed")
CHOOSING_FACES = ("Serif-Italic", "SansMono-Bold", "SansCondensed-Oblique", "SerifCondensed-Bold")
CHARACTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ23456789"
EMOJI_PX, COMPONENTS = 109, 2  # the size of the font's bitmaps; the group of skin tones and hair, no pictures
DIGITS_TRAIN, DIGITS_TEST = 2000, 1000

# The best of three or four tries on held-out training pictures, one seed. Icons stand upright: nothing is varied.
BY_HAND = {
    "emoji": ["side=48", "pools=[2,2,2]", "blocks=2", "rotate=0", "zoom=0", "shift=0", "color_jitter=0"],
    "characters": ["side=32", "pools=[2,2,1]", "blocks=2", "target.smoothing=0.1"],
    "digits96": ["widths=[16,32,64,128]", "pools=[2,2,2,2]", "blocks=2", "target.smoothing=0.1"],
}


class Picture(NamedTuple):
    """One picture of a task: its pixels, its class, and where it belongs: train, choose or test."""

    pixels: np.ndarray
    label: str
    part: str


def main() -> None:
    """Draw the pictures, train all jobs in turn, print a table for each task."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", choices=TASKS, action="append")
    parser.add_argument("--choose", nargs="+", metavar="SETTING=VALUE", help="try settings on held-out training data")
    arguments = parser.parse_args()
    print(machine())
    for name in arguments.only or TASKS:
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch) / name
            count = write(name, folder, is_choosing=arguments.choose is not None)
            print(f"\n{name}: {count['train']:,} training pictures, {count['test']:,} to score", flush=True)
            job = Path(scratch) / "job.yaml"
            job.write_text(f"task: image-classification\ndata: {{path: {folder}}}\n", "utf-8")
            compare(job, dotted(arguments.choose or BY_HAND[name]), arguments.rounds)


def compare(job: Path, settings: tuple[str, ...], rounds: int) -> None:
    """Train the default job and one with these settings, in turn, each round with another seed."""

    def contender(name: str, *overrides: str) -> Contender:
        def run(seed: int) -> float:
            found = train(job, seed, *overrides)
            accuracy = found["metrics"]["accuracy"]  # type: ignore[index]
            print(f"{json.dumps(accuracy)}, {found['seconds']['train']:.0f} s of training", flush=True)  # type: ignore[index]
            return float(accuracy["value"])

        return Contender(name, run)

    sides = [contender("default"), contender("chosen by hand", *settings)]
    interleave(sides, rounds)
    print(table(sides, "accuracy"), flush=True)


def dotted(settings: list[str]) -> tuple[str, ...]:
    """Return settings as overrides; those without a section are of the picture."""
    return tuple(one if "." in one.partition("=")[0] else f"inputs.image.{one}" for one in settings)


def write(name: str, folder: Path, is_choosing: bool) -> dict[str, int]:
    """Write a task as folders train/CLASS and test/CLASS; return how many pictures each has."""
    count = {"train": 0, "test": 0}
    for picture in TASKS[name]():
        if is_choosing and picture.part == "test":
            continue
        is_scored = picture.part == ("choose" if is_choosing else "test")
        split = "test" if is_scored else "train"
        place = folder / split / picture.label
        place.mkdir(parents=True, exist_ok=True)
        Pillow.fromarray(picture.pixels).save(place / f"{count[split]:05}.png")
        count[split] += 1
    return count


def emoji() -> Iterator[Picture]:
    """Yield the emoji that are one character of Noto's font, each at a size of its own, on white."""
    known = json.loads((DATA / "emoji" / "emojibase" / "en" / "data.json").read_text("utf-8"))
    font = ImageFont.truetype(DATA / "emoji" / "NotoColorEmoji.ttf", EMOJI_PX)
    generator = np.random.default_rng(0)
    for one in known:
        if one.get("group", COMPONENTS) == COMPONENTS or len(one["emoji"].rstrip("\ufe0f")) > 2:
            continue
        is_flag = 0x1F1E6 <= ord(one["emoji"][0]) <= 0x1F1FF
        picture = Pillow.new("RGB", (136, 128), "white")
        text = one["emoji"] if is_flag else one["emoji"].rstrip("\ufe0f")
        ImageDraw.Draw(picture).text((0, 0), text, font=font, embedded_color=True)
        side, part = int(generator.integers(36, 61)), generator.choice(["train", "choose", "test"], p=[0.6, 0.2, 0.2])
        if np.asarray(picture).min() < 255:  # the font has it
            yield Picture(np.asarray(picture.resize((side, side))), f"group{one['group']}", str(part))


def characters() -> Iterator[Picture]:
    """Yield letters and digits in many faces, turned a little, in any two colours that differ."""
    generator = np.random.default_rng(1)
    for path in sorted(FONTS.glob("*.ttf")):
        face = path.stem.removeprefix("DejaVu")
        part = "test" if face in HELD_OUT_FACES else "choose" if face in CHOOSING_FACES else "train"
        for character in CHARACTERS * 3:
            side = int(generator.integers(24, 41))
            ground, ink = generator.integers(0, 256, 3), generator.integers(0, 256, 3)
            if abs(int(ground.sum()) - int(ink.sum())) < 150:
                ink = 255 - ground if abs(int(ground.sum()) - 382) > 75 else np.array([255, 255, 255])
            picture = Pillow.new("RGB", (side, side), tuple(ground.tolist()))
            place = side / 2 + generator.uniform(-side / 10, side / 10, 2)
            font = ImageFont.truetype(path, side * generator.uniform(0.5, 0.85))
            drawing = ImageDraw.Draw(picture)
            drawing.text(tuple(place.tolist()), character, tuple(ink.tolist()), font=font, anchor="mm")
            turned = picture.rotate(
                generator.uniform(-8, 8), Pillow.Resampling.BILINEAR, fillcolor=tuple(ground.tolist())
            )
            noisy = np.asarray(turned) + generator.normal(0, 12, (side, side, 3))
            yield Picture(noisy.clip(0, 255).astype(np.uint8), character, part)


def digits96() -> Iterator[Picture]:
    """Yield MNIST's digits at many sizes, anywhere on a noisy ground of 96 x 96 pixels."""
    generator = np.random.default_rng(2)
    left = {"train": DIGITS_TRAIN, "test": DIGITS_TEST}
    given: dict[str, list[tuple[object, str]]] = {"train": [], "test": []}
    for rows in open_source(DATA / "digits").rows():
        column = "file" if "file" in rows.columns else "image"
        given[rows.split] += zip(rows.columns[column], map(str, rows.columns["label"]), strict=True)
    for split, most in left.items():
        for index in generator.permutation(len(given[split]))[:most]:
            value, label = given[split][index]
            side = int(generator.integers(28, 65))
            digit = np.asarray(Pillow.fromarray(read_picture(value)).resize((side, side)), np.float64)
            ground = generator.uniform(0, 90) + generator.normal(0, 25, (96, 96))
            top, across = generator.integers(0, 97 - side, 2)
            here = ground[top : top + side, across : across + side]
            here += digit / 255 * (generator.uniform(130, 250) - here)
            part = split if split == "test" or generator.random() < 0.8 else "choose"
            yield Picture(ground.clip(0, 255).astype(np.uint8), label, part)


TASKS = {"emoji": emoji, "characters": characters, "digits96": digits96}


if __name__ == "__main__":
    main()
