import csv

import pytest

from noria.sources.formats.csv_dialect import Dialect, sniff_dialect


@pytest.mark.parametrize(
    ("sample", "expected"),
    [
        ("a,b\n1,2\n", Dialect(",")),
        ("a;b\n1,5;2\n2,5;3\n", Dialect(";")),
        ("text\tlabel\none, two; three\t1\n", Dialect("\t")),
        ("only\n1\n2\n", Dialect(",")),
        ("", Dialect(",")),
        ('a\tb\n"x"\t1\n', Dialect("\t")),
        ('a\tb\n"x\ty"\t1\n"many\nlines"\t2\n', Dialect("\t")),
        ('a\tb\n"x\t1\ny\t2\n"z\t3\n', Dialect("\t", csv.QUOTE_NONE)),
        ('a\tb\n"x," he said\t1\ny\t2\n', Dialect("\t", csv.QUOTE_NONE)),
        ("a b, c\td\nx, y\t1\nz\t2\n", Dialect("\t")),
    ],
)
def test_the_separator_is_the_one_that_fits_most_records(sample, expected):
    assert sniff_dialect(sample) == expected
