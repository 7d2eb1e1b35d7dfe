"""What is known of a request once it is answered: routes write it, those who watch read it."""

from __future__ import annotations

from dataclasses import dataclass, field

from noria.ledger.till import Answers
from noria.service.request.exchange import Measured


@dataclass
class Served:
    """What is known of a request once it is answered, for logs and metrics: `scope["state"]["served"]`."""

    operation: str
    model: str = ""
    version: str = ""
    tokens: tuple[int, int] = (0, 0)
    measured: Measured = field(default_factory=Measured)
    first_seconds: float | None = None  # from the request to the first piece of its answer
    is_whole: bool = False  # whether its last piece came
    answers: Answers | None = None  # where they are worth something
    is_booked: bool = False  # in the ledger
