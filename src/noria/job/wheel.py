"""The section `wheel` of a job: when a model that has become worse is trained again, and who lets it into service.

Read next: wheel/policy.py.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, Field, field_validator

from noria.job.data import STRICT

MOST_MONEY = 10**9


class Service(BaseModel):
    """The running service that tries a candidate before it is promoted."""

    model_config = STRICT

    url: str = Field(pattern=r"^https?://[^\s/]+/?$")
    """Address of the service, as http://127.0.0.1:8000."""
    model: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")
    """Name that the model is served under. Its run there: RUN/wheel/current, its canary RUN/wheel/candidate."""
    key_file: str | None = None
    """File with a key that may administer. Null takes NORIA_KEY."""
    share: float = Field(0.1, gt=0, lt=1)
    """Share of the requests that the candidate answers while it is tried, 0 to 1."""
    requests: int = Field(200, ge=30, le=1000)
    """Requests that the candidate has to answer before it is promoted. More where traffic is heavy."""


class Wheel(BaseModel):
    """When a model is trained again: where it pays. Money is in the currency of the ledger's prices."""

    model_config = STRICT

    worth: float | None = Field(None, gt=0, le=MOST_MONEY)
    """Worth of a record whose score is better by 1, as of a right answer in place of a wrong one. Null: by `value`."""
    predictions_per_day: float | None = Field(None, gt=0, le=10**12)
    """Answers a day, by which a loss is counted. Null counts those of the last 30 days in the ledger."""
    budget: float = Field(10.0, ge=0, le=MOST_MONEY)
    """Most that retraining may cost in a calendar month (UTC). 0 never retrains."""
    horizon_days: float = Field(30.0, gt=0, le=3650)
    """Days within which a retraining has to earn what it costs. Fewer where data changes fast."""
    data: list[str] = []
    """Files or folders of newly labelled records, of the form of the training data. They stay where they are."""
    hold_out: float = Field(0.3, gt=0, lt=1)
    """Share of the new records that is not learnt from: champion and candidate are compared on it."""
    golden: str | None = None
    """Labelled records no candidate may be worse on, never learnt from. Null: the test split of the first training."""
    golden_loss: float = Field(0.05, ge=0, lt=1)
    """How much worse the score on the golden set may be, as a share of the champion's, if it may be chance."""
    approve: Literal["nobody", "person"] = "nobody"
    """Who must let a better candidate into service. `person` waits for `noria wheel approve RUN`."""
    cool_down_days: float = Field(7.0, ge=0, le=3650)
    """Days without a new training after a candidate that was rejected, failed or rolled back."""
    service: Service | None = None
    """Running service that tries the candidate first. Null: only the link RUN/wheel/current is switched."""

    @field_validator("data", mode="before")
    @classmethod
    def _one_or_several(cls, given: object) -> object:
        return [given] if isinstance(given, str | Path) else given
