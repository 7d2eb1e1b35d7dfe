"""How long a ledger of ten million entries takes to answer its monthly table and to be checked, and what a line costs.

    python benchmarks/ledger.py [ENTRIES] [FILE]

The entries are written by SQL within the database; what `noria.ledger.book` keeps beside them is written as it would
have been. Then the table of `noria ledger --by month,model` is timed, five times, over a new connection
each, and the sums are compared with the postings. Beside it: the same table from the postings themselves, the check of
`noria ledger check` with the memory that it takes, how many entries a second are booked, and how many microseconds of
CPU a request that is served spends on its line in the spool, without and with an answer that is kept for feedback.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from noria.database import Database, Transaction, open_database
from noria.ledger import SCHEMA, About, Entry, Posting, Spool, book
from noria.ledger.answers import Valued
from noria.ledger.audit import check
from noria.ledger.statement import statement
from noria.ledger.till import Answers, Till

DAYS, MODELS, CLIENTS = 365, 5, 20
FIRST = 1_767_225_600  # 2026-01-01
FILL = f"""
with recursive numbers (n) as (select ? union all select n + 1 from numbers where n + 1 < ?)
insert into entry select 'serve/0123456789abcdef0123456789abcdef/' || n, {FIRST} + (n % {DAYS}) * 86400.0 + n % 86400,
'model-' || (n % {MODELS}), '1', 'serve', 'client-' || (n % {CLIENTS}), 'serve', 'EUR', 'stated', '{{"predictions":1}}'
from numbers
"""
POST = """
insert into posting select key, 'cost:compute', 1 + rowid % 7 from entry where rowid > ? and rowid <= ?
union all select key, 'clearing:cost', -(1 + rowid % 7) from entry where rowid > ? and rowid <= ?
"""
SUM = """
insert into total select date(time, 'unixepoch'), account, model, version, job, client, activity, currency, basis,
sum(micro), 0 from posting join entry using (key) group by 1, 2, 3, 4, 5, 6, 7, 8, 9
"""
COUNT = """
insert into total select date(time, 'unixepoch'), 'predictions', model, version, job, client, activity, currency, basis,
count(*), 0 from entry group by 1, 2, 3, 4, 5, 6, 7, 8, 9
"""
AT_ONCE = 500_000


def main(count: int, path: Path) -> None:
    """Fill, time, check."""
    database = open_database(str(path))
    database.prepare(SCHEMA)
    started = time.perf_counter()
    for first in range(0, count, AT_ONCE):
        last = min(first + AT_ONCE, count)
        database.transact(lambda to, a=first, b=last: (to.run(FILL, a, b), to.run(POST, a, b, a, b)))
    database.transact(lambda to: (to.run(SUM), to.run(COUNT)))
    print(f"{count:,} entries filled in {time.perf_counter() - started:.0f} s, {path.stat().st_size / 1e9:.2f} GB")
    seconds = []
    for _ in range(5):
        database.close()
        started = time.perf_counter()
        rows = database.transact(lambda to: statement(to, ("month", "model")), writes=False)
        seconds.append(time.perf_counter() - started)
    print(f"monthly table of {len(rows)} rows: median {median(seconds):.3f} s, slowest {max(seconds):.3f} s (n=5)")
    started = time.perf_counter()
    ((compute,),) = database.transact(
        lambda to: to.run("select sum(micro) from posting where account = 'cost:compute'"), writes=False
    )
    print(f"the sum of all postings alone: {time.perf_counter() - started:.1f} s")
    assert sum(one.cost for one in rows) == compute
    assert sum(one.predictions for one in rows) == count
    print("sums are those of the postings")
    before, started = _peak_mb(), time.perf_counter()
    assert not any(one.wrong for one in database.transact(check, writes=False))
    seconds_checked = time.perf_counter() - started
    print(f"checked in {seconds_checked:.0f} s; the peak of memory grew by {_peak_mb() - before:.0f} MB")
    print(f"{_booked_a_second(database):,.0f} entries a second are booked")
    for kept, told in ((None, "a request's line"), (Valued("EUR", [["yes"]], 5), "with an answer that is kept")):
        found = [_micros_a_line(path.parent / "spool", kept) for _ in range(5)]
        print(f"{told}: {median(found):.1f} us of CPU (n=5, {min(found):.1f} to {max(found):.1f})")


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _micros_a_line(folder: Path, kept: Valued | None) -> float:
    till, count = Till(Spool(folder)), 5000
    used = {"requests": 1, "predictions": 1, "model_micros": 1234, "machine_micros": 2345}
    started = time.process_time()
    for number in range(count):
        answers = None if kept is None else Answers(f"request-{number}", kept, "")
        till.book(About("digits", "0123456789ab", "serve", "shop", "serve"), used, kept=answers)
    seconds = time.process_time() - started
    till.close()
    return seconds / count * 1e6


def _booked_a_second(database: Database) -> float:
    about = About("digits", "1", "serve", "shop", "serve")
    postings = (Posting("cost:compute", 3), Posting("clearing:cost", -3))
    entries = [
        Entry(f"new/{one}", time.time(), about, {"predictions": 1}, postings, "EUR", "stated") for one in range(20_000)
    ]
    started = time.perf_counter()

    def work(to: Transaction, first: int) -> int:
        return book(to, entries[first : first + 1000])

    for first in range(0, len(entries), 1000):
        database.transact(lambda to, first=first: work(to, first))
    return len(entries) / (time.perf_counter() - started)


if __name__ == "__main__":
    asked = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000_000
    with tempfile.TemporaryDirectory() as folder:
        main(asked, Path(sys.argv[2]) if len(sys.argv) > 2 else Path(folder) / "ledger.db")
