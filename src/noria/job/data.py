"""The section `data` of a job: where the records are, which column fills which field, and how they are divided.

Read next: job.py.
"""

from __future__ import annotations

import re
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

# A key that is not in the schema is an error.
STRICT = ConfigDict(extra="forbid", validate_default=True, allow_inf_nan=False, serialize_by_alias=True)


class _Strict(BaseModel):
    model_config = STRICT


class Split(_Strict):
    """How records are divided where the source does not say: by a hash, so that old rows stay on their side.

    `order` divides by place instead: the last share is test, the share before it validation, as running text needs it.
    """

    group: str | None = None  # a column whose equal values must stay together: a patient, a customer
    block: int | None = Field(None, gt=0)  # so many records in a row stay together: windows cut from one recording
    column: str | None = None  # a column that says train, validation or test itself
    values: dict[Literal["train", "validation", "test"], list[str | int]] = {}  # or which of its values mean it
    validation: float = Field(0.1, ge=0, lt=1)  # a share of what is not test
    test: float = Field(0.1, ge=0, lt=1)
    seed: int = 0
    order: bool = False

    @model_validator(mode="after")
    def _is_one_way(self) -> Split:
        if sum(map(bool, (self.order, self.group, self.block))) > 1:
            raise ValueError("order or group or block: one way to say which records stay together")
        if self.values and not self.column:
            raise ValueError("values beside column: they are what it holds")
        said = [str(value) for values in self.values.values() for value in values]
        if len(set(said)) < len(said):
            raise ValueError("values: each stands in one split")
        return self


class Fetch(_Strict):
    """Files to download into the user's cache where `data.path` is not given."""

    name: str
    files: dict[str, dict[str, str | list[str]]]


class Data(_Strict):
    """Where the records are and which column fills which field."""

    path: str | None = None
    fields: dict[str, str | list[str]] = {}
    columns: list[str] | None = Field(None, min_length=1)  # names those of tables without a header
    names: str | None = None  # a regular expression for files' names, whose named groups become columns
    splits: dict[str, str] = {}  # which file of the folder is train, validation, test, where names do not say it
    split: Split = Split()
    encoding: str | None = None
    max_bad: float = Field(0.01, ge=0, le=1)  # the share of records that may be unusable (at least 10 may)
    fetch: Fetch | None = None

    @field_validator("names")
    @classmethod
    def _has_named_groups(cls, given: str | None) -> str | None:
        try:
            if given is not None and not re.compile(given).groupindex:
                raise ValueError("names: a pattern with named groups, as in (?P<label>[a-z]+)_")
        except re.error as error:
            raise ValueError(f"names: no regular expression: {error}") from None
        return given
