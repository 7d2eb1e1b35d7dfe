"""What tags mean, as conlleval reads them."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noria.text.entity_spans import decode_bio, listed, trimmed

TAGS = st.sampled_from(["O", *(f"{prefix}-{label}" for prefix in "BIES" for label in ("A", "B"))])


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ("B-A I-A O B-A", [(0, 2, "A"), (3, 4, "A")]),
        ("I-A I-A I-B O I-B", [(0, 2, "A"), (2, 3, "B"), (4, 5, "B")]),  # IOB1
        ("B-A B-A I-A", [(0, 1, "A"), (1, 3, "A")]),
        ("B-A I-B I-A", [(0, 1, "A"), (1, 2, "B"), (2, 3, "A")]),
        ("S-A B-A I-A E-A I-A", [(0, 1, "A"), (1, 4, "A"), (4, 5, "A")]),
        ("U-A B-A L-A", [(0, 1, "A"), (1, 3, "A")]),
        ("B-A-B I-A-B", [(0, 2, "A-B")]),
        ("O O", []),
        ("", []),
    ],
)
def test_tags_are_read_as_by_hand(tags, expected):
    assert decode_bio(tags.split()) == expected


@pytest.mark.parametrize("tag", ["PER", "B-", "X-PER", "BI-PER", "-PER", "o"])
def test_what_is_no_tag_is_refused(tag):
    with pytest.raises(ValueError, match="is no tag"):
        decode_bio(["O", tag])


@given(st.lists(TAGS, max_size=12))
def test_every_token_but_the_outside_ones_is_in_one_stretch_of_its_label(tags):
    covered = ["O"] * len(tags)
    for first, end, label in decode_bio(tags):
        assert first < end
        for place in range(first, end):
            assert covered[place] == "O"
            covered[place] = label
    assert covered == [tag.partition("-")[2] or "O" for tag in tags]


@given(st.text("ab \n", max_size=8), st.integers(0, 8), st.integers(0, 8))
def test_a_trimmed_stretch_is_the_text_stripped(text, start, end):
    first, last = trimmed(text, start, end)
    assert text[first:last].strip() == text[start:end].strip()
    assert not text[start:end].strip() or text[first:last] == text[start:end].strip()


@pytest.mark.parametrize("value", [[], [1, {"a": "[x]"}], None, 3.5, "Ada", "[sic] Ada", "[1, 2", "{}", "[" * 100_000])
def test_a_cell_with_a_list_is_the_list_and_others_are_as_they_are(value):
    assert listed(value) == value
    assert not isinstance(value, list) or listed(f" {json.dumps(value)}") == value
