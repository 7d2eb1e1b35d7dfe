"""The tables of files and batches. An answer is kept here until its batch ends, and then in a file."""

from __future__ import annotations

from noria.database import Schema

SCHEMA = Schema(
    "service_batches",
    [
        [
            """create table openai_file (
                id text primary key, owner text not null, purpose text not null, name text not null,
                bytes bigint not null, created double precision not null,
                lines bigint not null, endpoint text not null, model text not null)""",
            "create index openai_file_list on openai_file (owner, created, id)",
            """create table openai_batch (
                id text primary key, owner text not null, file text not null, endpoint text not null,
                model text not null, completion_window text not null, metadata text not null,
                token text, fingerprint text not null, status text not null, ending text,
                created double precision not null, expires double precision not null,
                started double precision, cancelling double precision, finalizing double precision,
                ended double precision, error text,
                total bigint not null, completed bigint not null, failed bigint not null,
                output_file text, error_file text,
                holder text, lease double precision not null, turn bigint not null)""",
            "create index openai_batch_list on openai_batch (owner, created, id)",
            "create index openai_batch_open on openai_batch (status, turn)",
            "create unique index openai_batch_token on openai_batch (owner, token)",
            """create table openai_answer (
                batch text not null, line bigint not null, is_error bigint not null, packed blob not null,
                primary key (batch, line))""",
            """create table openai_suspect (
                batch text not null, line bigint not null, tries bigint not null, primary key (batch, line))""",
        ]
    ],
)
