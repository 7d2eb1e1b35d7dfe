"""A database of PostgreSQL, for several machines, by pg8000: extra `postgres`."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Literal
from urllib.parse import parse_qs, unquote, urlsplit
from zlib import crc32

from noria.database.connection import Backend, Cell, Connection, Unavailable
from noria.errors import UserError, needs_extra

CONNECT_SECONDS = 10
# A server whose machine is gone says nothing at all: so one is asked for a sign, and broken off after half a minute.
SIGNS = {"TCP_KEEPIDLE": 15, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 3, "TCP_USER_TIMEOUT": 30_000}
PORT = 5432
# https://www.postgresql.org/docs/current/errcodes-appendix.html: conflicts, connections, resources, shutdown
PASSING = (
    "40", "08", "53", "57P", "55P03", "58",
    "25006",  # it only reads: another has taken its place, which it or its address will lead to
    "25P03", "57014",  # it has ended what took longer than whoever runs it allows
)  # fmt: skip
DISK_FULL = "53100"
TLS = ("disable", "prefer", "require", "verify-full")
FORM = "postgresql://USER:PASSWORD@HOST:5432/NAME?sslmode=verify-full, or ?host=/FOLDER/OF/ITS/SOCKET"


class PostgreSQL(Backend):
    """A server of PostgreSQL by its URL. sslmode: as of its own clients, prefer if it says none."""

    skip_locked, is_shared = "for update skip locked", True
    now = "extract(epoch from clock_timestamp())::double precision"

    def __init__(self, url: str) -> None:
        try:
            parts = urlsplit(url)
            query = {key: values[-1] for key, values in parse_qs(parts.query, strict_parsing=bool(parts.query)).items()}
            port = parts.port or PORT
        except ValueError as error:
            raise UserError("the URL of the database cannot be read", expected=FORM, found=str(error)) from error
        name, mode = unquote(parts.path.lstrip("/")), query.pop("sslmode", "prefer")
        host, user = query.pop("host", "") or unquote(parts.hostname or "localhost"), unquote(parts.username or "")
        if not name or not user or query or mode not in TLS:
            found = f"sslmode={mode}" if mode not in TLS else ", ".join(query) or "no user, or no name"
            raise UserError("the URL of the database cannot be used", expected=FORM, found=found)
        self.where = f"postgresql://{host}:{port}/{name}"
        at = {"unix_sock": f"{host}/.s.PGSQL.{port}"} if host.startswith("/") else {"host": host, "port": port}
        password = None if parts.password is None else unquote(parts.password)
        self._settings = {"user": user, "password": password, "database": name, "ssl_context": _tls(mode), **at}

    def connect(self) -> Connection:
        try:
            import pg8000.dbapi
        except ImportError as error:
            raise needs_extra("pg8000", "postgres", "PostgreSQL") from error
        with _told_apart(self.where):
            raw = pg8000.dbapi.connect(timeout=CONNECT_SECONDS, application_name="noria", **self._settings)
            raw._usock.settimeout(None)  # the limit is for connecting alone: a statement may take its time
            notice_silence(raw._usock)
            return PostgreSQLConnection(raw, self.where)

    def append_only(self, table: str) -> Sequence[str]:
        refuse = f"begin raise exception 'rows of {table} are never changed or removed'; end"
        return [
            f"create or replace function {table}_stays() returns trigger language plpgsql as $${refuse}$$",
            f"drop trigger if exists {table}_stays on {table}",
            f"create trigger {table}_stays before update or delete or truncate on {table}"
            f" for each statement execute function {table}_stays()",
        ]


class PostgreSQLConnection(Connection):
    """One connection; what writes has PostgreSQL's default isolation: what is claimed is claimed by `skip locked`."""

    def __init__(self, raw: Any, where: str) -> None:
        self._raw, self._where = raw, where
        self._raw.autocommit = True  # transactions are begun and ended in words

    def begin(self, writes: bool) -> None:
        # What only reads sees the tables as they were at its first statement, as in SQLite.
        self.run("begin" if writes else "begin isolation level repeatable read read only", ())

    def run(self, statement: str, values: Sequence[Cell]) -> list[tuple[Any, ...]]:
        with _told_apart(self._where):
            cursor = self._raw.cursor()
            cursor.execute(_translated(statement), tuple(values))
            return [tuple(row) for row in cursor.fetchall()] if cursor.description else []

    def run_many(self, statement: str, rows: Sequence[Sequence[Cell]]) -> None:
        for row in rows:
            self.run(statement, row)

    def commit(self) -> None:
        self.run("commit", ())

    def close(self) -> None:
        import pg8000.dbapi

        with suppress(pg8000.dbapi.Error, OSError):
            self._raw.close()

    def lock(self, name: str) -> None:
        self.run("select pg_advisory_xact_lock(?)", (crc32(name.encode()),))


def notice_silence(connection: socket.socket) -> None:
    """Have the system break a connection off whose other end is gone; what it does not know is left out."""
    if connection.family != socket.AF_UNIX:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in SIGNS.items():
            if (option := getattr(socket, name, None)) is not None:
                connection.setsockopt(socket.IPPROTO_TCP, option, value)


def _translated(statement: str) -> str:
    """Return a statement as pg8000 takes it: %s for a value; bytes are BYTEA."""
    return statement.replace("%", "%%").replace("?", "%s").replace(" blob", " bytea")


def _tls(mode: str) -> ssl.SSLContext | Literal[False] | None:
    """Return what pg8000 is told: None is TLS where the server has it."""
    if mode in ("disable", "prefer"):
        return None if mode == "prefer" else False
    context = ssl.create_default_context()
    if mode == "require":
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


@contextmanager
def _told_apart(where: str) -> Iterator[None]:
    """Turn an error that may pass into Unavailable, and one of who may come in into a UserError."""
    import pg8000.dbapi

    try:
        yield
    except (pg8000.dbapi.InterfaceError, OSError) as error:
        raise Unavailable(str(error)) from error
    except pg8000.dbapi.DatabaseError as error:
        told = error.args[0] if error.args and isinstance(error.args[0], dict) else {}
        code, message = str(told.get("C", "")), str(told.get("M", error))
        if code.startswith(PASSING):
            raise Unavailable(message, is_full=code == DISK_FULL) from error
        if code.startswith(("28", "3D")):
            fix = "look at the user, the password and the name in NORIA_DATABASE"
            raise UserError("the database lets us not in", where=where, found=message, fix=fix) from error
        raise
