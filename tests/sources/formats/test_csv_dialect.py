import csv

import pytest

from noria.sources.formats.csv_dialect import sniff_dialect, sniff_headerless
from noria.sources.formats.csv_records import Dialect


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
        ('a,b\n"x of 27\\"",1\n"y",2\n', Dialect(",", escape="\\")),
        ('a,b\n"C:\\",1\n"y",2\n', Dialect(",")),
        ("a,b\n'x, y',1\n'z',2\n", Dialect(",", quote="'")),
        ("'a','b'\n'x','1'\n", Dialect(",", quote="'")),
        ("a,b\n'tis,1\ndon't,2\n", Dialect(",")),
        ('a, b, c\nx, "y, z", 1\nx, "y", 1\n', Dialect(",", skips_spaces=True)),
        ("a,b\nHello, you,1\nx,2\n", Dialect(",")),
        ('a b c\nx "y z" 1\nx "y" 2\n', Dialect(" ")),
        ("a b   c\n1   2 3\n4 5     6\n", Dialect(" ", skips_spaces=True)),
        ("first name\nJohn Smith\nAda King\n", Dialect(",")),
        ("sep=;\na;b,c\n1;2\n", Dialect(";")),
        ('"sep=\t"\r\na\tb\r\n1\t2\r\n', Dialect("\t")),
        ("Sales of May\n\nname;price\na;1,5\nb;2,5\n", Dialect(";")),
    ],
)
def test_the_separator_is_the_one_that_fits_most_records(sample, expected):
    assert sniff_dialect(sample) == expected


def test_between_bars_a_quote_that_closes_no_cell_is_a_character():
    sample = 'a|"One said|"One said\nb|two|two\nc|"Three" she said|"Three" she said\nd|four|four\n'
    assert sniff_headerless([sample], 3) == Dialect("|", csv.QUOTE_NONE)


def test_between_bars_quotes_that_hold_a_bar_quote():
    sample = 'name|"note"\na|"x|y"\nb|"z"\nc|"w|v"\n'
    assert sniff_dialect(sample).quoting != csv.QUOTE_NONE
