"""Lists of files and of batches, a page at a time, the newest first: `after` is the last id of the page before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, TypeVar

from noria.database import Transaction
from noria.errors import UserError
from noria.service.batches import batches, files
from noria.service.batches.batches import Batch
from noria.service.batches.files import File
from noria.service.request.http_error import HTTPError, shown

Listed = TypeVar("Listed", File, Batch)
TABLES = {File: ("openai_file", files.ID), Batch: ("openai_batch", batches.ID)}
ORDERS = {"desc": ("<", "desc"), "asc": (">", "asc")}


@dataclass(frozen=True)
class Page:
    """Which page is wanted."""

    after: str | None
    limit: int
    order: str


def page_of(query: Mapping[str, str], usual: int, most: int) -> Page:
    """Return the page that a query asks for; raise HTTPError for a field that is wrong."""
    limit, order = query.get("limit", str(usual)), query.get("order", "desc")
    if not limit.isdecimal() or len(limit) > 6 or not 1 <= int(limit) <= most:
        raise _wrong("limit", f"a whole number from 1 to {most}", limit)
    if order not in ORDERS:
        raise _wrong("order", " or ".join(ORDERS), order)
    return Page(query.get("after"), int(limit), order)


def listed(to: Transaction, kind: type[Listed], owner: str, page: Page, purpose: str | None = None) -> dict[str, Any]:
    """Return a page of an owner's; raise HTTPError where `after` is none of them."""
    (table, form), (than, direction) = TABLES[kind], ORDERS[page.order]
    where, values = "owner = ?", [owner]
    if purpose is not None:
        where = f"{where} and purpose = ?"
        values.append(purpose)
    last: list[Any] = []
    if page.after is not None:
        query = f"select created, id from {table} where owner = ? and id = ?"
        found = to.run(query, owner, page.after) if form.fullmatch(page.after) else []
        if not found:
            raise _wrong("after", "an id of the page before", page.after)
        where, last = f"{where} and (created, id) {than} (?, ?)", list(found[0])
    columns = ", ".join(one.name for one in fields(kind))
    order = f"order by created {direction}, id {direction} limit ?"
    rows = to.run(f"select {columns} from {table} where {where} {order}", *values, *last, page.limit + 1)
    data: Sequence[dict[str, Any]] = [kind(*row).shown() for row in rows[: page.limit]]
    ends = {"first_id": data[0]["id"], "last_id": data[-1]["id"]} if data else {"first_id": None, "last_id": None}
    return {"object": "list", "data": data, **ends, "has_more": len(rows) > page.limit}


def _wrong(name: str, expected: str, found: str) -> HTTPError:
    error = UserError(f"{name} cannot be this", where=name, expected=expected, found=shown(found))
    return HTTPError(error, code="invalid_value", param=name)
