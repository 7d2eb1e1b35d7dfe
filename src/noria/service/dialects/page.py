"""The page at /: a form for each model, made from its schema, and its answers drawn. Files without a word of any model.

    GET /             the page, to who asks for HTML; to others the models, as GET /models tells them
    GET /page/{file}  its modules and its style

What the page shows it asks for as any client does, with the key that its reader types in. Its sources are in
service/page/: read index.html and main.js there first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from http import HTTPStatus
from importlib.resources import files
from importlib.resources.abc import Traversable

from starlette.types import Scope

from noria.errors import UserError, did_you_mean
from noria.service.asking.operation import About, Lookup, Operation
from noria.service.dialects.noria import Model, Models
from noria.service.request.exchange import JSON, Reply, Request
from noria.service.request.http_error import HTTPError, shown

KINDS = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
# Nothing but these files runs, and nothing leaves for another host, whatever a model's answer holds. Pictures and
# sounds of the reader are blobs, those of an answer data. Trusted types: no text can ever be made into HTML.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; media-src data: blob:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "cache-control": "no-cache",  # a newer Noria has newer files of the same names
    "vary": "accept",
}


class Home(Lookup):
    """The page, or what is served."""

    name = "home"
    path = "/"
    summary = "Return the page where models are tried, or the models that are served where no HTML is asked for."
    media_types = (JSON, "text/html")

    def answer(self, request: Request, models: Sequence[About]) -> Reply:
        """Return the page to who asks for HTML; to others what is served, of a single model all that it says."""
        if wants_html(request.headers.get("accept", "")):
            return _file("index.html")
        if len(models) == 1:
            return Model().answer(replace(request, path={"model": models[0].name}), models)
        return Models().answer(request, models)


class PageFile(Lookup):
    """A file of the page."""

    name = "page"
    path = "/page/{file:path}"
    summary = "Return a file of the page."
    media_types = tuple(kind.partition(";")[0] for kind in KINDS.values())

    def answer(self, request: Request, models: Sequence[About]) -> Reply:
        """Return one of the files that there are: a client's path names one and is never opened."""
        return _file(request.path["file"])


OPERATIONS: list[Operation] = []
LOOKUPS: list[Lookup] = [Home(), PageFile()]


def wants_html(accept: str) -> bool:
    """Say whether a client names HTML among what it accepts, as every browser does that opens a page."""
    return any(one.partition(";")[0].strip().lower() == "text/html" for one in accept.split(","))


def is_page(scope: Scope) -> bool:
    """Say whether a request is for the page itself, which is public: it tells nothing of any model, and asks for a key.

    Of its files those that there are; what else is asked for below it needs a key, as everything does.
    """
    if scope["method"] not in ("GET", "HEAD"):
        return False
    if scope["path"] == Home.path:
        return wants_html(b",".join(value for name, value in scope["headers"] if name == b"accept").decode("latin-1"))
    folder, _, name = scope["path"].partition("/page/")
    return not folder and name in page_files()


@cache
def page_files() -> Mapping[str, tuple[str, bytes]]:
    """Return content type and content of every file of the page, by its path below it."""
    return dict(sorted(_below(files("noria.service").joinpath("page"), "")))


def _below(folder: Traversable, path: str) -> list[tuple[str, tuple[str, bytes]]]:
    found: list[tuple[str, tuple[str, bytes]]] = []
    for one in folder.iterdir():
        if one.is_dir():
            found += _below(one, f"{path}{one.name}/")
        elif (kind := KINDS.get(f".{one.name.rpartition('.')[2]}")) is not None:
            found.append((path + one.name, (kind, one.read_bytes())))
    return found


def _file(name: str) -> Reply:
    known = page_files()
    if name not in known:
        error = UserError(f"the page has no file {shown(name)!r}", fix=did_you_mean(shown(name), known))
        raise HTTPError(error, HTTPStatus.NOT_FOUND, code="not_found", param="file")
    kind, content = known[name]
    return Reply(content, headers={"content-type": kind, **HEADERS})
