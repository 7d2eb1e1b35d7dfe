"""Seventh step: the running service asks the candidate a share of the requests, and withdraws it if it does worse.

The service reads two links of the wheel, `run: RUN/wheel/current` and `canary: {run: RUN/wheel/candidate}`. The step
waits for nobody: as long as the candidate has not answered enough, the turn stays open, and the next one looks again.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

from noria.drift.asked import Refused, asked
from noria.errors import UserError
from noria.job.wheel import Service
from noria.wheel.turn.context import Turn
from noria.wheel.turn.folder import CANDIDATE
from noria.wheel.turn.turns import REJECTED, Done

PASSING = (429, 502, 503, 504)  # it is busy or being started, or is so behind a proxy
PATIENCE_S = 300.0  # within which a service has loaded a model
NOT_TRIED = "begin the service with canary: {run: RUN/wheel/candidate} in its serve.yaml, and a key that may administer"


def try_out(turn: Turn) -> Done | None:
    """Return how the candidate did in service; None while it is tried, or the service does not answer."""
    service = turn.settings.service
    if service is None:
        return Done("no service is named in wheel.service to try it with a share of the requests", {})
    turn.wheel.point(CANDIDATE, turn.candidate)
    try:
        trial = _trial(service)
        if trial["run"] != str(turn.candidate.resolve()):
            _asked(service, "try", {"share": service.share})
            trial = _trial(service)
    except OSError as error:
        turn.reporter.say(f"canary: the service at {service.url} does not answer: {error}; the next turn asks again")
        return None
    except UserError:
        turn.wheel.drop(CANDIDATE)  # or a service that starts would try what is of no turn any more
        raise
    if trial["withdrawn"]:
        turn.wheel.drop(CANDIDATE)
        return Done(f"the service withdrew the candidate: {trial['withdrawn']}", trial, outcome=REJECTED)
    if trial["answered"] < service.requests:
        turn.reporter.say(f"canary: the candidate has answered {trial['answered']:,} of {service.requests:,} requests")
        return None
    return Done(f"the candidate answered {trial['answered']:,} requests, and was not withdrawn", trial)


def refuse_deaf_service(turn: Turn) -> None:
    """Raise UserError where the service that is to try a candidate refuses to: before one is trained."""
    if turn.settings.service is not None:
        with suppress(OSError):  # it may be there when the candidate is
            _trial(turn.settings.service)


def reload(service: Service | None) -> str:
    """Have the service read the link of the champion again; return what became of it."""
    if service is None:
        return "a service of it takes it when it reloads"
    try:
        return str(_asked(service, "reload", {}).get("said"))
    except OSError as error:
        return f"the service at {service.url} does not answer ({error}), and takes it when it starts"
    except UserError as error:
        return f"the service at {service.url} does not take it ({error.found}), before it is asked again to reload"


def _trial(service: Service) -> dict[str, Any]:
    found = _asked(service, "trial")
    if missing := {"run", "answered", "withdrawn"} - found.keys():
        raise OSError(f"it says nothing of {', '.join(sorted(missing))}")
    return found


def _asked(service: Service, verb: str, content: object = None) -> dict[str, Any]:
    """Ask the service for a verb of its model; raise OSError where it is away, UserError where it refuses."""
    url = f"{service.url.rstrip('/')}/models/{quote(service.model, safe='')}/{verb}"
    key = Path(service.key_file).read_text("utf-8").strip() if service.key_file else ""
    try:
        return asked(url, content, key, PATIENCE_S)
    except Refused as error:
        if error.status in PASSING:
            raise OSError(str(error)) from error
        raise UserError("the service refuses", where=url, found=str(error), fix=NOT_TRIED) from error
