"""The contract as checks that run: does a modality, a target or a task keep what contract/ promises?

    from noria.checks import check_task
    check_task(MyTask())

Each check raises CheckFailed with one sentence and the check's own name, or returns. The tests run them over every
component that noria.contract.registry knows; the author of a component elsewhere can do the same. Knows no task. Read
next: failure.py, component.py, task.py.
"""

from __future__ import annotations

from noria.checks.failure import CheckFailed
from noria.checks.modality import check_modality
from noria.checks.target import check_padding, check_target
from noria.checks.task import check_task

__all__ = ["CheckFailed", "check_modality", "check_padding", "check_target", "check_task"]
