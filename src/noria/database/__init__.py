"""The one database: jobs that outlive a process, and the ledger. A file of SQLite, or PostgreSQL where a URL says so.

    open_database() -> Database.transact(work) -> Transaction.run("select ...", ...)

Read next: database.py, schema.py.
"""

from noria.database.database import Database, DatabaseAway, open_database
from noria.database.schema import Schema
from noria.database.transaction import Transaction

__all__ = ["Database", "DatabaseAway", "Schema", "Transaction", "open_database"]
