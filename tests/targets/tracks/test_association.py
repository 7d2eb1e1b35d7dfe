"""Boxes to identities: what moves evenly keeps its identity through gaps, crossings and unsure frames."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from noria.modalities.detections.mot import read_mot, truth_rows
from noria.targets.tracks.association import Rules, associate
from noria.targets.tracks.metrics import Tracked, counted, scores

RULES = Rules()
SHARED = Path(__file__).resolve().parents[3] / "shared" / "data" / "tracking"


def walker(frames, start, speed, top=0, chance=0.9):
    """Rows of frame, left, top, right, bottom, chance of a thing of 20 x 60 pixels that moves evenly."""
    return [(frame, start + speed * frame, top, start + speed * frame + 20, top + 60, chance) for frame in frames]


def tracks(*walkers, rules=RULES):
    """The identity of every box that is given, by frame and left."""
    rows = np.array([row for one in walkers for row in one], float).reshape(-1, 6)
    found, chances = associate(rows[:, 0].astype(int), rows[:, 1:5], rows[:, 5], rules)
    assert len(found.frames) == len(found.identities) == len(found.boxes) == len(chances)
    return found, chances


def test_two_that_walk_through_each_other_keep_their_identities():
    found, _ = tracks(walker(range(1, 21), 0, 5), walker(range(1, 21), 105, -5))
    first = found.boxes[found.identities == 1]
    assert np.unique(found.identities).tolist() == [1, 2]
    assert first[:, 0].tolist() == [5.0 * frame for frame in range(1, 21)]


@pytest.mark.parametrize("gap", [1, 5, 19])
def test_a_gap_is_bridged_where_the_thing_should_be_and_filled_in_between(gap):
    seen = [*range(1, 11), *range(11 + gap, 21 + gap)]
    found, chances = tracks(walker(seen, 0, 3))
    assert found.frames.tolist() == list(range(1, 21 + gap))
    assert set(found.identities.tolist()) == {1}
    assert np.allclose(found.boxes[:, 0], 3.0 * found.frames)
    assert np.allclose(chances, 0.9)


def test_longer_gaps_are_not_filled_and_the_longest_end_a_track():
    found, _ = tracks(walker([*range(1, 11), *range(36, 46)], 0, 0))
    assert (len(found.frames), len(np.unique(found.identities))) == (20, 1)
    found, _ = tracks(walker([*range(1, 11), *range(51, 61)], 0, 0))
    assert len(np.unique(found.identities)) == 2


def test_unsure_boxes_go_on_with_a_track_and_begin_none():
    found, _ = tracks(walker(range(1, 6), 0, 2), walker(range(6, 11), 0, 2, chance=0.3))
    assert (len(found.frames), len(np.unique(found.identities))) == (10, 1)
    assert not len(tracks(walker(range(1, 11), 0, 2, chance=0.3))[0].frames)
    found, _ = tracks(walker(range(1, 6), 0, 2), walker(range(6, 11), 0, 2, chance=0.05))
    assert len(found.frames) == 5


def test_what_is_seen_too_seldom_is_left_out():
    assert not len(tracks(walker([1, 2], 0, 2))[0].frames)
    assert len(tracks(walker([1, 2], 0, 2), rules=replace(RULES, least_seen=2))[0].frames) == 2


def test_the_order_of_boxes_within_a_frame_does_not_matter():
    walkers = [walker(range(1, 11), 0, 3), walker(range(1, 11), 60, -2, top=10), walker(range(3, 9), 200, 1)]
    first, _ = tracks(*walkers)
    last, _ = tracks(*walkers[::-1])
    assert sorted(first.boxes.tolist()) == sorted(last.boxes.tolist())
    assert len(np.unique(last.identities)) == 3


def test_far_frame_numbers_and_no_boxes_cost_nothing():
    assert not len(tracks()[0].frames)
    found, _ = tracks(walker([1, 2, 3, 2_000_000_000], 0, 0))
    assert found.frames.tolist() == [1, 2, 3]


# Better than the tracker whose output lies beside the truth: MOTA 0.526 and 0.564, IDF1 0.558 and 0.645.
@pytest.mark.parametrize(("name", "mota", "idf1"), [("TUD-Campus", 0.67, 0.72), ("TUD-Stadtmitte", 0.71, 0.78)])
def test_two_sequences_are_tracked_better_than_by_the_reference(name, mota, idf1):
    if not SHARED.is_dir():
        pytest.skip(f"the real data is not at {SHARED}")
    found = read_mot((SHARED / "detections" / name / "det.txt").read_bytes())
    true = truth_rows(read_mot((SHARED / name / "gt.txt").read_bytes()))
    given, _ = associate(found[:, 0].astype(int), found[:, 2:6], found[:, 6], RULES)
    score = scores(counted(Tracked(true[:, 0], true[:, 1], true[:, 2:6]), given))
    assert score["mota"] > mota
    assert score["idf1"] > idf1
