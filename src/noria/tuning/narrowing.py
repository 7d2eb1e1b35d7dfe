"""What the prepared data says against trying a setting. Knows no task. Read next: search_space.py."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from noria.contract import Task
from noria.errors import UserError
from noria.job import Job
from noria.pipeline.assembly import build
from noria.pipeline.prepared import Prepared
from noria.tuning.preparations import MANY_RECORDS
from noria.tuning.search_space import Dimension, is_of_preparation, with_settings

WIDTH = "model.width"


def narrowed(
    space: Sequence[Dimension], asked: Collection[str], job: Job, task: Task, prepared: Prepared
) -> list[Dimension]:
    """Return the space without what changes nothing here and, unless it is among the `asked` keys, without what would
    prepare many records anew.
    """
    is_large = len(prepared.splits["train"]) > MANY_RECORDS
    kept = [
        one
        for one in space
        if (one.key != WIDTH or _is_felt(one, job, task, prepared))
        and (one.key in asked or not is_large or not is_of_preparation(one.key, task))
    ]
    if not kept:
        found = ", ".join(one.key for one in space)
        raise UserError("what is to be tuned changes nothing here", where="tune.space", found=found)
    return kept


def _is_felt(width: Dimension, job: Job, task: Task, prepared: Prepared) -> bool:
    """Say whether the width of the trunk changes any weights.

    A network whose inputs have widths of their own, and no trunk, does not see it.
    """
    counts = set()
    for value in (width.range.choices or [width.range.low, width.range.high])[:2]:
        try:
            model = build(*with_settings(job, {WIDTH: value}), prepared.states)
        except UserError:  # its trial will say why
            return True
        counts.add(sum(weight.numel() for weight in model.parameters()))
    return len(counts) > 1
