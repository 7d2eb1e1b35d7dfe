"""Collect the spool of this machine once: `python -m noria.ledger`, as the service does every minute."""

from __future__ import annotations

import logging
import os

from noria.database import open_database
from noria.errors import UserError
from noria.ledger.collecting import collect, num_bytes_waiting
from noria.ledger.storage import keep_up
from noria.ledger.till import Till

NICE = 10  # whoever answers goes first


def main() -> None:
    """Collect; what is wrong is told, and the next turn tries again."""
    os.nice(NICE)
    try:
        if not num_bytes_waiting():
            return
        database, till = open_database(), Till()
        for one in collect(database).uncollected:
            logging.getLogger(__name__).error("this file of the spool is not collected: %s", one)
        if keep_up(database, till):
            till.close()
            collect(database)
    except UserError as error:
        logging.getLogger(__name__).error("the ledger's spool is not collected: %s", error)


if __name__ == "__main__":
    main()
