"""What the protocol asks of a server: what it is, whether it lives and is ready, which models it has."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus

from noria import __version__
from noria.errors import UserError
from noria.service.asking.operation import About, Lookup, Reply, Request
from noria.service.dialects.oip.errors import not_offered, refusal
from noria.service.request.http_error import HTTPError
from noria.service.request.json_text import parse_json
from noria.service.request.limits import Limits

EXTENSIONS = ["binary_tensor_data", "model_repository", "model_configuration"]


class _Lookup(Lookup):
    """One whose errors are the protocol's."""

    def refusal(self, error: HTTPError) -> Reply:
        return refusal(error)


class Server(_Lookup):
    """What the server is."""

    name = "oip.server"
    path = "/v2"
    summary = "Open Inference Protocol: name, version and extensions of the server."

    def answer(self, request: Request, models: Sequence[About]) -> Reply:
        """Return them."""
        return Reply.json({"name": "noria", "version": __version__, "extensions": EXTENSIONS})


class Live(_Lookup):
    """Whether the server answers."""

    name = "oip.live"
    path = "/v2/health/live"
    summary = "Open Inference Protocol: say that the process answers."

    def answer(self, request: Request, models: Sequence[About]) -> Reply:
        """Return 200."""
        return Reply.json({"live": True})


class Ready(_Lookup):
    """Whether all models are ready."""

    name = "oip.ready"
    path = "/v2/health/ready"
    summary = "Open Inference Protocol: say whether requests are welcome, 503 where not."

    def answer(self, request: Request, models: Sequence[About]) -> Reply:
        """Return 200 where every model can be asked, else 503."""
        is_ready = bool(models) and all(one.is_ready for one in models)
        return Reply.json({"ready": is_ready}, HTTPStatus.OK if is_ready else HTTPStatus.SERVICE_UNAVAILABLE)


class Index(_Lookup):
    """Which models there are."""

    name = "oip.index"
    path = "/v2/repository/index"
    method = "POST"
    summary = "Open Inference Protocol: list the models, their versions and whether they are ready."

    def answer(self, request: Request, models: Sequence[About]) -> Reply:
        """Return them; with {"ready": true} only those that are."""
        body = parse_json(request.body, Limits()) if request.body.strip() else {}
        if not isinstance(body, dict) or set(body) - {"ready"} or not isinstance(body.get("ready", False), bool):
            error = UserError("this is not a request for the index", where="body", expected='{"ready": true} or {}')
            raise HTTPError(error, code="wrong_type", param="ready")
        shown = [one for one in models if one.is_ready or not body.get("ready")]
        states = {True: "READY", False: "UNAVAILABLE"}
        return Reply.json(
            [{"name": one.name, "version": one.version, "state": states[one.is_ready], "reason": ""} for one in shown]
        )


class Load(_Lookup):
    """Not offered: which models are served is said where the server is started."""

    name = "oip.load"
    path = "/v2/repository/models/{model}/load"
    method = "POST"
    verb = "admin"
    summary = "Open Inference Protocol: not offered (501)."

    def answer(self, request: Request, models: Sequence[About]) -> Reply:
        """Refuse."""
        raise not_offered("models are not loaded by this protocol", "name them where the server is started")


class Unload(_Lookup):
    """Not offered, as loading is."""

    name = "oip.unload"
    path = "/v2/repository/models/{model}/unload"
    method = "POST"
    verb = "admin"
    summary = "Open Inference Protocol: not offered (501)."

    def answer(self, request: Request, models: Sequence[About]) -> Reply:
        """Refuse."""
        raise not_offered("models are not unloaded by this protocol", "name them where the server is started")
