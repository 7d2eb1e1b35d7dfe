"""The section `data` of a job: where the records are, which column fills which field, and how they are divided.

Read next: schema.py.
"""

from __future__ import annotations

import re
import unicodedata
from functools import partial
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PrivateAttr, field_validator, model_validator

from noria.contract.source import Gathering
from noria.sources.formats.frame import Frame

# A key that is not in the schema is an error.
STRICT = ConfigDict(extra="forbid", validate_default=True, allow_inf_nan=False, serialize_by_alias=True)


# The name of a column, composed (NFC): however it was typed, it is that of the data.
ColumnName = Annotated[str, AfterValidator(partial(unicodedata.normalize, "NFC"))]


MOST_FOLDS = 20  # each is a training of its own


class _Strict(BaseModel):
    model_config = STRICT


class Split(_Strict):
    """How records are divided where the source does not say: by a hash, so that old rows stay on their side."""

    group: ColumnName | None = None
    """Column whose equal values stay in one split, as a patient or customer, so that no one is in two."""
    by: str | None = None
    """What an input itself says belongs together, as `scaffold` of molecules: stays in one split, for new series."""
    fill: Literal["largest_first", "balanced"] = "largest_first"
    """Groups of `by`: `largest_first` go to training, test has the rarest; `balanced`: in an order drawn by `seed`."""
    block: int | None = Field(None, gt=0)
    """Number of successive records that stay together. For windows cut from one recording."""
    column: ColumnName | None = None
    """Column that says itself which split a record belongs to."""
    file: str | None = None
    """Table that names each record by its place and says its split in `column`; `noria prepare --splits` writes it."""
    values: dict[Literal["train", "validation", "test"], list[str | int]] = {}
    """Values of `column` that mean each split, where they are not train, validation and test themselves."""
    validation: float = Field(0.1, ge=0, lt=1)
    """Fraction of the records outside of test that chooses settings and weights, 0 to 1."""
    test: float = Field(0.1, ge=0, lt=1)
    """Fraction of the records held out for the final scores, 0 to 1. Raise it for narrower intervals."""
    seed: int = 0
    """Seed of the division. Another one gives other splits of the same sizes."""
    order: bool = False
    """Divide by place: the last records are test, those before validation. For running text and time."""
    within: Literal["random", "last", "time", "lines"] | None = None
    """Divide each user's history: at random, last item out, at one time for all, or by `lines` of a published file."""
    lines: int = Field(0, ge=0)
    """Rows at the beginning of the file that are test. With within=lines."""
    fold: str | None = None
    """Fold that is test, in place of a fraction: 2/5 is the second of five. `evaluate.folds` trains them all."""

    @property
    def named(self) -> str:
        """Return by what records are divided that an input knows; nothing where it is otherwise."""
        if self.by is None:
            return ""
        return f"{self.by}, {self.fill.replace('_', ' ')}" + (f", seed {self.seed}" if self.fill == "balanced" else "")

    @property
    def folds(self) -> tuple[int, int] | None:
        """Return which fold is test, from 1 on, and how many there are; None where test is a fraction."""
        if self.fold is None:
            return None
        own, count = map(int, self.fold.split("/"))
        return own, count

    @field_validator("fold")
    @classmethod
    def _is_one_of_several(cls, given: str | None) -> str | None:
        found = re.fullmatch(r"(\d+)/(\d+)", given or "1/2")
        if found is None or not 1 <= int(found[1]) <= int(found[2]) or not 2 <= int(found[2]) <= MOST_FOLDS:
            raise ValueError(f"fold: one of 2 to {MOST_FOLDS}, as 2/5 for the second of five")
        return given

    @model_validator(mode="after")
    def _is_one_way(self) -> Split:
        if sum(map(bool, (self.order, self.group, self.block, self.by))) > 1:
            raise ValueError("order or group or block or by: one way to say which records stay together")
        if self.fill != "largest_first" and not self.by:
            raise ValueError("fill beside by: which groups are to be shared out")
        if self.file and not self.column:
            raise ValueError("file beside column: which of its columns says the split")
        if self.values and not self.column:
            raise ValueError("values beside column: they are what it holds")
        if self.within and (self.order or self.group or self.block or self.column or self.fold):
            raise ValueError("within, or another way to divide: histories that are divided are all in every split")
        if (self.within == "lines") != bool(self.lines):
            raise ValueError("within=lines and lines stand together: how many rows of the file are test")
        if self.order and self.fold:
            raise ValueError("order or fold: a fold would be learnt from what comes after it")
        said = [str(value) for values in self.values.values() for value in values]
        if len(set(said)) < len(said):
            raise ValueError("values: each stands in one split")
        return self


class Fetch(_Strict):
    """Files to download into the user's cache where `data.path` is not given."""

    name: str
    """Folder of the cache that the files are kept in."""
    files: dict[str, dict[str, str | list[str]]]
    """Files by name, each with `url` (or `urls`, mirrors in order) and `sha256`, which is checked."""


class Data(_Strict):
    """Where the records are and which column fills which field."""

    path: str | None = None
    """File, folder or archive with the records. A relative path starts where the command is given."""
    more: list[str] = []
    """Files, folders or archives of further records of the same form, read after `path`: what was labelled later."""
    fields: dict[str, ColumnName | list[ColumnName]] = {}
    """Column that fills each field of the task. Leave it out where columns are called like fields."""
    columns: list[ColumnName] | None = Field(None, min_length=1)
    """Names of the columns of a table without a header, in order."""
    events: dict[Literal["user", "item", "time", "rating"], ColumnName] = {}
    """Columns of a table of interactions, as {user: who, item: what}. Leave it out where their names say it."""
    sheet: str | None = Field(None, coerce_numbers_to_str=True)
    """Sheet of a workbook (.xlsx, .xls, .ods) that is read. Null takes the first one that is not hidden."""
    names: str | None = None
    """Regular expression over file names, whose named groups become columns: `(?P<label>[a-z]+)_`"""
    splits: dict[str, str] = {}
    """File of each split, as {train: a.csv, test: b.csv}. Where the files' names do not say it themselves."""
    split: Split = Split()
    """How records are divided into training, validation and test."""
    encoding: str | None = None
    """Encoding of the text files, as gb18030. Null guesses it."""
    max_bad: float = Field(0.01, ge=0, le=1)
    """Largest fraction of unusable records, 0 to 1; ten may always be. Beyond it, preparation stops."""
    fetch: Fetch | None = None
    """Files to download where `path` is not given."""
    _frame: Frame | None = PrivateAttr(None)

    @property
    def frame(self) -> Frame | None:
        """Return the frame in memory that was given in the place of a path; `path` then says what it was."""
        return self._frame

    def gathering(self) -> Gathering:
        """Return how rows of one record are gathered and what is in it is divided."""
        split = self.split
        return Gathering(
            {str(role): name for role, name in self.events.items()},
            split.within,
            split.validation,
            split.test,
            split.seed,
            split.lines,
        )

    def at(self, other: Data) -> Data:
        """Return the same description of data that lies where the other's does."""
        data = self.model_copy(update={"path": other.path, "more": other.more, "fetch": other.fetch})
        data.hold(other.frame)
        return data

    def hold(self, frame: Frame | None) -> None:
        """Take a frame in the place of the path, which says what it was."""
        self._frame = frame

    @field_validator("names")
    @classmethod
    def _has_named_groups(cls, given: str | None) -> str | None:
        try:
            if given is not None and not re.compile(given).groupindex:
                raise ValueError("names: a pattern with named groups, as in (?P<label>[a-z]+)_")
        except re.error as error:
            raise ValueError(f"names: no regular expression: {error}") from None
        return given
