"""Wishes for a molecule: what people write, what cannot be meant, and which cells of each property a range has."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from noria.modalities.molecule.properties import CELLS, NAMES
from noria.modalities.wishes import Wishes
from noria.modalities.wishes.embedder import WishEmbedder
from noria.modalities.wishes.modality import FAR
from noria.modalities.wishes.reading import read_wish
from noria.types import as_tensors


@pytest.mark.parametrize(
    ("text", "ranges"),
    [
        ("logp 2..3", {"logp": (2, 3)}),
        ("LogP = -1 .. 0.5; weight: ..400", {"logp": (-1, 0.5), "weight": (-math.inf, 400)}),
        ("qed .8..", {"qed": (0.8, math.inf)}),
        ("logp 2.5", {"logp": (2.375, 2.625)}),
        ("", {}),
        (" , ", {}),
    ],
)
def test_a_range_is_read_as_people_write_it(text, ranges):
    assert read_wish(text).ranges == ranges


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("lopg 2..3", "did you mean 'logp'"),
        ("logp", "known are logp, qed, weight, sa and like"),
        ("logp high", "is no range; expected 2..3, 2.., ..3 or 2.5"),
        ("logp ..", "is no range"),
        ("logp 3..2", "is an empty range"),
        ("qed 2..3", "lies outside of 0 to 1"),
        ("logp 1..2, logp 3..4", "asked for twice"),
        ("like C1CC", "the molecule to be like is no molecule"),
    ],
)
def test_what_cannot_be_meant_is_said(text, told):
    encoded = Wishes(is_optional=True).encode(["logp 2..3", text], {})
    assert told in encoded.bad[1]
    assert (encoded.arrays["ranges"][1] == [-FAR, FAR]).all()
    assert not len(encoded.arrays["like"][1])


def test_without_a_wish_everything_is_open():
    for nothing in (None, "", float("nan")):
        arrays = Wishes(is_optional=True).encode([nothing], {}).arrays
        assert (arrays["ranges"] == [-FAR, FAR]).all()
        assert Wishes(is_optional=True).display({name: values[0] for name, values in arrays.items()}, {}) == "anything"


def test_where_a_wish_is_not_optional_its_lack_is_said():
    assert Wishes().encode(["logp 1..2", None, ""], {}).bad == dict.fromkeys((1, 2), "the wish is missing")


def test_the_same_molecule_to_be_like_however_it_is_written_has_the_same_substructures():
    like = Wishes(is_optional=True).encode(["like OCC", "logp 1..2, like CCO"], {}).arrays["like"]
    np.testing.assert_array_equal(like[0], like[1])
    assert len(like[0])


def test_an_end_is_told_by_how_far_each_border_lies_above_it_and_an_open_one_by_all():
    arrays = Wishes(is_optional=True).encode(["logp 2..3, qed 0.79..", ""], {}).arrays
    ranges = as_tensors(arrays, slice(None), "cpu")["ranges"]
    reached = WishEmbedder(4)._reached(ranges).view(2, len(NAMES), 2, CELLS + 1)
    logp, qed = NAMES.index("logp"), NAMES.index("qed")
    assert reached[0, logp, 0].tolist() == [-1] * 24 + [0] + [1] * 26
    assert reached[0, logp, 1].tolist() == [-1] * 28 + [0] + [1] * 22
    assert reached[0, qed, 0].tolist() == pytest.approx([-1] * 39 + [-0.5, 0.5] + [1] * 10, abs=1e-4)
    assert (reached[0, qed, 1] == -1).all()
    assert (reached[1, :, 0] == 1).all()
    assert (reached[1, :, 1] == -1).all()


def test_the_token_of_a_wish_depends_on_no_other_of_the_batch():
    arrays = as_tensors(Wishes(is_optional=True).encode(["like c1ccccc1O", "logp 1..2"], {}).arrays, slice(None), "cpu")
    embedder = WishEmbedder(8)
    torch.nn.init.normal_(embedder.like.weight)
    both = embedder(arrays).features
    alone = embedder({name: values[1:] for name, values in arrays.items()} | {"like": arrays["like"][1:, :0]}).features
    torch.testing.assert_close(both[1:], alone)
    assert both.shape == (2, 1, 8)
