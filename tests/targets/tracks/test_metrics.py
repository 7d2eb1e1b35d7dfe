"""Identities kept over time: cases counted by hand, and the published scores of a tracker on two sequences."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from noria.targets.tracks.metrics import ALPHAS, Tracked, counted, scores

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data" / "tracking"


def tracked(*rows):
    """Rows of frame, identity, left: boxes of 10 x 10 pixels."""
    table = np.array([(frame, identity, left, 0, left + 10, 10) for frame, identity, left in rows], float)
    table = table.reshape(-1, 6)
    return Tracked(table[:, 0].astype(int), table[:, 1].astype(int), table[:, 2:])


def found(truth, given):
    return {name: float(value) for name, value in scores(counted(truth, given)).items()}


LONG = [(frame, 1, 0) for frame in range(1, 5)]


def test_the_truth_itself_is_perfect():
    truth = tracked(*LONG, (2, 2, 50), (3, 2, 52))
    assert found(truth, truth) == {
        **dict.fromkeys(("mota", "idf1", "hota", "deta", "assa"), 1.0),
        **dict.fromkeys(("id_switches", "false_positives", "misses"), 0.0),
    }


def test_names_of_identities_and_order_of_rows_do_not_matter():
    truth = tracked(*LONG, (2, 2, 50))
    other = tracked(*[(frame, {1: 40, 2: 7}[one], left) for frame, one, left in [*LONG, (2, 2, 50)][::-1]])
    assert found(truth, other) == found(truth, truth)


def test_a_switch_in_the_middle_costs_identity_and_not_detection():
    given = tracked((1, 5, 0), (2, 5, 0), (3, 6, 0), (4, 6, 0))
    score = found(tracked(*LONG), given)
    assert score["id_switches"] == 1
    assert score["mota"] == 1 - 1 / 4
    assert score["idf1"] == 2 * 2 / (4 + 4)  # one of the two identities is taken for the whole
    assert score["deta"] == 1
    assert score["assa"] == pytest.approx(2 / 4)  # each match: 2 in common of 4 true + 2 given - 2
    assert score["hota"] == pytest.approx(0.5**0.5)


def test_misses_and_false_positives_are_counted():
    given = tracked((1, 5, 0), (2, 5, 0), (2, 6, 90))
    score = found(tracked(*LONG), given)
    assert (score["misses"], score["false_positives"], score["id_switches"]) == (2, 1, 0)
    assert score["mota"] == pytest.approx(1 - 3 / 4)
    assert score["idf1"] == pytest.approx(2 * 2 / (4 + 3))
    assert score["deta"] == pytest.approx(2 / (2 + 2 + 1))
    assert score["assa"] == pytest.approx(2 / 4)


def test_a_box_that_lies_off_counts_for_the_overlaps_it_reaches():
    given = tracked(*[(frame, 1, 5) for frame in range(1, 5)])  # overlap 1/3
    score = found(tracked(*LONG), given)
    assert (score["mota"], score["idf1"]) == (-1, 0)
    assert score["hota"] == pytest.approx((ALPHAS <= 1 / 3).mean())


def test_an_identity_goes_on_though_another_box_lies_nearer():
    truth = tracked((1, 1, 0), (2, 1, 0))
    given = tracked((1, 5, 0), (2, 5, 3), (2, 6, 0))
    assert found(truth, given)["id_switches"] == 0
    assert found(truth, tracked((1, 5, 0), (2, 5, 6), (2, 6, 0)))["id_switches"] == 1  # overlap 1/4: it cannot


def test_an_identity_that_comes_back_after_a_gap_with_another_name_is_a_switch():
    assert found(tracked(*LONG), tracked((1, 5, 0), (4, 6, 0)))["id_switches"] == 1
    assert found(tracked(*LONG), tracked((1, 5, 0), (4, 5, 0)))["id_switches"] == 0


def test_an_identity_is_remembered_while_others_go_on():
    truth = tracked(*LONG, *[(frame, 2, 50) for frame in range(1, 5)])
    others = [(frame, 8, 50) for frame in range(1, 5)]
    assert found(truth, tracked(*others, (1, 5, 0), (4, 6, 0)))["id_switches"] == 1
    assert found(truth, tracked(*others, (1, 5, 0), (4, 5, 0)))["id_switches"] == 0


def test_nothing_given_and_nothing_true():
    nothing = tracked()
    score = found(tracked(*LONG), nothing)
    assert (score["mota"], score["idf1"], score["hota"], score["misses"]) == (0, 0, 0, 4)
    score = found(nothing, tracked(*LONG))
    assert np.isnan(score["mota"])
    assert np.isnan(score["hota"])
    assert score["false_positives"] == 4


def read(path):
    table = np.loadtxt(path, delimiter=",", ndmin=2)
    boxes = np.concatenate([table[:, 2:4], table[:, 2:4] + table[:, 4:6]], 1)
    return Tracked(table[:, 0].astype(int), table[:, 1].astype(int), boxes)


# As TrackEval 1.3.0 gives them; motmetrics 1.4.0 agrees in what it has.
PUBLISHED = {
    "TUD-Campus": (0.5264623956, 0.5576592083, 0.3913974378, 0.4180470301, 0.3691206812, 7, 13, 150),
    "TUD-Stadtmitte": (0.5640138408, 0.6446194226, 0.3978490170, 0.3922675724, 0.4088407518, 7, 45, 452),
}
TOGETHER = (0.5551155116, 0.6242960579, 0.3999570913, 0.3976832912, 0.4124495298, 14, 58, 602)


def test_scores_of_two_sequences_are_those_of_trackeval():
    if not SHARED.is_dir():
        pytest.skip(f"the real data is not at {SHARED}")
    sums = []
    for name, published in PUBLISHED.items():
        sums.append(counted(read(SHARED / name / "gt.txt"), read(SHARED / name / "test.txt")))
        assert list(scores(sums[-1]).values()) == pytest.approx(published, abs=1e-9)
    assert list(scores(sum(sums)).values()) == pytest.approx(TOGETHER, abs=1e-9)
