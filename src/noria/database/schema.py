"""The tables of a room of the house, by versions: each brings what was there one step on, once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from noria.database.transaction import Transaction
from noria.errors import UserError

VERSIONS = "create table if not exists schema_version (room text primary key, version bigint not null)"


@dataclass(frozen=True)
class Schema:
    """Statements by version, oldest first; a version that was released is never changed, another is added.

    In both kinds of database the same: `text`, `bigint`, `double precision` and `blob` are the types of cells.
    append_only: tables of which the database lets nobody change or remove a row.
    """

    room: str
    versions: Sequence[Sequence[str]]
    append_only: Sequence[str] = ()

    def bring_up(self, transaction: Transaction, where: str) -> None:
        """Run what has not been run. Raises UserError for tables of a newer version of the package."""
        transaction.lock("schema")
        transaction.run(VERSIONS)
        found = transaction.run("select version from schema_version where room = ?", self.room)
        version = int(found[0][0]) if found else 0
        if version > len(self.versions):
            raise UserError(
                "the database is of a newer version of the package",
                where=where,
                expected=f"version {len(self.versions)} of {self.room} at most",
                found=str(version),
                fix="install the newer version, from its clone; or set NORIA_HOME (or NORIA_DATABASE) to another place",
            )
        for statements in self.versions[version:]:
            for statement in statements:
                transaction.run(statement)
        for table in self.append_only if version < len(self.versions) else ():
            transaction.make_append_only(table)
        write = "insert into schema_version values (?, ?) on conflict (room) do update set version = excluded.version"
        if version < len(self.versions):
            transaction.run(write, self.room, len(self.versions))
