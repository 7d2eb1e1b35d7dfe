"""What training pictures decide where a job leaves it open: the side of squares, the stages of the stem.

    pictures                      network sees    stages      last map
    all 28 x 28                   28 x 28         2, 2, 1     7 x 7
    42 x 42 in the middle         48 x 48         2, 2, 2     6 x 6
    640 x 480 in the middle       128 x 128       2, 2, 2, 2  8 x 8

What was decided is kept in the state, so that a model is built again as it was trained; a state of before, which says
nothing, has the stages of before. Read next: modality.py, which asks in `fit`; embedder.py, which builds the stages.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from noria.types import State

if TYPE_CHECKING:
    from noria.modalities.image.settings import PictureSettings

MOST_SIDE = 128  # of squares that nobody asked for: two cores train on them in minutes
SIDES = (8, 16, 24, 32, 48, 64, 96, 128)  # that halve without rest down to a map of 6 or 8
MIDDLE = "middle"  # in the state: height and width of pictures in the middle, where these chose the side
STAGES = "stages"  # in the state: {"pools": [...], "blocks": n}, what null means for those settings
LARGEST_MAP = 8  # rows or columns that are left for the last convolutions; half of it is the least
LEAST_STAGES = 3
LEAST_WIDTH = 16  # channels of a stage, where the last one has so many
POOLS_BEFORE, BLOCKS_BEFORE = (2, 2, 2), 1  # of models whose state says nothing
BLOCKS = 2
RESIDUAL_BLOCKS = 1  # of a stage of a pyramid, each of two convolutions


def size_by_data(sizes: Counter[tuple[int, ...]], side: int | None, most: int = MOST_SIDE) -> State:
    """Return height and width that the network sees, where the job names no size.

    The pictures' own where all agree and are no larger than `side`, or else `most`; squares of `side`, or where it is
    null of the smallest of SIDES that is no smaller than the longer side of pictures in the middle. How large these
    are is then told as MIDDLE.
    """
    (height, width), count = sizes.most_common(1)[0]
    limit = most if side is None else side
    if count == sizes.total() and max(height, width) <= limit:
        return size_of(height, width)
    if side is not None:
        return size_of(side, side)
    counts = list(sizes.values())
    middle = [round(float(np.median(np.repeat([size[axis] for size in sizes], counts)))) for axis in (0, 1)]
    side = next((one for one in SIDES if max(middle) <= one <= most), most)
    return {**size_of(side, side), MIDDLE: middle}


def size_of(height: int, width: int) -> State:
    """Return the part of a state that says which size the network sees, in pixels."""
    return {"height": height, "width": width}


def size_notes(state: State) -> list[str]:
    """Say which side was chosen for pictures that differ in size, or are large."""
    if MIDDLE not in state:
        return []
    height, width = state[MIDDLE]
    seen = f"{state['width']} x {state['height']}"
    return [f"pictures are {width} x {height} in the middle; the network sees {seen}: `side` sets another size"]


def stages_by_data(height: int, width: int) -> dict[str, Any]:
    """Return by how much each stage pools, so that 4 to 8 places are left each way, and its convolutions."""
    halvings = max(1, math.ceil(math.log2(math.sqrt(height * width) / LARGEST_MAP)))
    return {"pools": [2] * halvings + [1] * (LEAST_STAGES - halvings), "blocks": BLOCKS}


def stages_of(
    settings: PictureSettings, state: Mapping[str, Any], width: int
) -> tuple[tuple[int, ...], tuple[int, ...], int]:
    """Return channels and pooling of each stage of the stem `convolution`, and the convolutions in each.

    Channels double from stage to stage, so that each costs as much, up to the width of the model.
    """
    known = state.get(STAGES, {"pools": POOLS_BEFORE, "blocks": BLOCKS_BEFORE})
    pools = tuple(known["pools"]) if settings.pools is None else settings.pools
    count = max(LEAST_STAGES, len(pools)) if STAGES in state else LEAST_STAGES
    least = min(LEAST_WIDTH, width // 4)
    widths = settings.widths or tuple(max(least, width >> (count - 1 - stage)) for stage in range(count))
    return widths, pools, known["blocks"] if settings.blocks is None else settings.blocks
