"""The ledger: what every second of compute, every answer and every stored byte cost, and what the answers were worth.

    quantities -Prices-> Entry -Spool.append-> a file -collect-> the database
                               -book, within a transaction of one's own-> the database

Entries are balanced, are never changed and never removed, and the same key twice is booked once. Knows no model: it is
told quantities. Read next: entry.py, booking.py, spool.py, prices.py.
"""

from noria.ledger.booking import SCHEMA, book
from noria.ledger.entry import About, Entry, Posting
from noria.ledger.prices import Prices
from noria.ledger.spool import Spool

__all__ = ["SCHEMA", "About", "Entry", "Posting", "Prices", "Spool", "book"]
