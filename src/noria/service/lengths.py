"""How long the sounds of a request last, by their heads: too long ones are refused before anything is decoded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from noria.contract import Modality, dispatch
from noria.errors import UserError
from noria.service.http_error import HTTPError
from noria.service.limits import Limits
from noria.units import duration


def check_lengths(records: Sequence[Mapping[str, Any]], inputs: Mapping[str, Modality], limits: Limits) -> None:
    """Raise HTTPError (413) at the record with which the sounds of a request last longer than they may."""
    total = 0.0
    for index, record in enumerate(records):
        for name, modality in inputs.items():
            total += dispatch.seconds(modality, record.get(name)) or 0.0
            if total > limits.seconds:
                error = UserError(
                    "the request holds too much sound",
                    where=f"record {index}, {name}",
                    expected=f"at most {duration(limits.seconds)} in all",
                    found=f"{duration(total)} with this one",
                    fix="send it in several requests",
                )
                status, param = HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"records[{index}].{name}"
                raise HTTPError(error, status, code="too_long", param=param)
