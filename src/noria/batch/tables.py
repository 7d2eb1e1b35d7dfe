"""The tables of batches: a job, its shards, and what is answered until the output is written."""

from __future__ import annotations

from noria import ledger
from noria.database import Database, Schema, open_database

SCHEMA = Schema(
    "batch",
    [
        [
            """create table batch_job (
                id text primary key, identity text not null, asked text not null, schedule text not null,
                state text not null, reason text not null, created double precision not null,
                finished double precision, num_rows bigint not null, num_shards bigint not null,
                writer text, writer_until double precision not null, watched text)""",
            """create table batch_shard (
                job text not null, n bigint not null, first_row bigint not null, num_rows bigint not null,
                state text not null, worker text, lease_until double precision not null, attempt bigint not null,
                crashed text not null, num_bad bigint not null, finished double precision,
                primary key (job, n))""",
            "create index batch_shard_open on batch_shard (job, n) where state = 'waiting'",
            "create table batch_result (job text not null, n bigint not null, answers blob, primary key (job, n))",
            "create table batch_seen (job text not null, n bigint not null, seen blob not null, primary key (job, n))",
        ],
        ["alter table batch_seen add column failure text not null default ''"],
    ],
)


def batch_database(url: str | None = None) -> Database:
    """Return the database with the tables of batches and of the ledger in it."""
    database = open_database(url)
    database.prepare(SCHEMA)
    database.prepare(ledger.SCHEMA)
    return database
