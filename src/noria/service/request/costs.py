"""What the values of one request come to when they are decoded, by their heads: too much is refused before it is.

Sixty-four pictures of one colour are 390 kB and three billion pixels. Knows no modality. Read next: limits.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from http import HTTPStatus
from typing import Any

from noria.contract import Modality, dispatch
from noria.errors import UserError
from noria.service.request.http_error import HTTPError
from noria.service.request.limits import Limits
from noria.types import Cost
from noria.units import duration

UNITS = {
    "characters": "characters of text",
    "pixels": "pixels of pictures",
    "frames": "frames of video",
    "frame_pixels": "pixels in the frames of videos",
    "seconds": "sound",
    "samples": "samples of sound",
}


def check_costs(records: Sequence[Mapping[str, Any]], inputs: Mapping[str, Modality], limits: Limits) -> None:
    """Raise HTTPError (413) at the record with which a request comes to more than it may."""
    total = Cost()
    for index, record in enumerate(records):
        for name, modality in inputs.items():
            total += dispatch.cost(modality, record.get(name))
            for unit in (one.name for one in fields(Cost)):
                if getattr(total, unit) > getattr(limits, unit):
                    raise _too_much(unit, getattr(limits, unit), getattr(total, unit), index, name)


def _too_much(unit: str, most: float, found: float, index: int, name: str) -> HTTPError:
    error = UserError(
        "the request comes to too much when it is decoded",
        where=f"record {index}, {name}",
        expected=f"at most {_said(most, unit)} in all",
        found=f"{_said(found, unit)} with this one",
        fix="send it in several requests, or a smaller one",
    )
    status, param = HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"records[{index}].{name}"
    return HTTPError(error, status, code="too_much", param=param)


def _said(count: float, unit: str) -> str:
    return f"{duration(count)} of {UNITS[unit]}" if unit == "seconds" else f"{count:,} {UNITS[unit]}"
