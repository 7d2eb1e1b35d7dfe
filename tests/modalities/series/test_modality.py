"""Series: numbers from any file, strict with what is none, normalised by training, the same tokens alone and padded."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest
import torch

from noria.checks import check_modality
from noria.errors import UserError
from noria.modalities.series.embedder import augment
from noria.modalities.series.modality import Series, read_series
from noria.types import Ragged, as_tensors

WALK = np.random.default_rng(0).normal(size=(9, 6)).cumsum(0).astype(np.float32)


def series_of(*lengths, channels=6, seed=1):
    generator = np.random.default_rng(seed)
    return [generator.normal(size=(length, channels)).cumsum(0).round(3) for length in lengths]


def as_npy(array):
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def as_text(array, separator=" ", header=""):
    lines = [separator.join(f"{number:.6e}" for number in row) for row in array]
    return (header + "\n".join(lines) + "\n").encode()


SETTINGS = [
    Series(),
    Series(length=7),
    Series(max_length=5, pools=(2, 2)),
    Series(dimensions=3, center="frame", pooling="max", velocities=False),
    Series(dimensions=2, center="series", kernel=3, pools=(3,), rate_hz=30.0),
    Series(dimensions=3, apart=True, pools=(2,), points=("left", "right")),
    Series(dimensions=2, apart=True, pooling="max", length=9),
]


def test_a_number_that_stands_for_no_measurement_is_told_until_it_is_a_gap():
    values = series_of(12, 30, 17)
    assert Series().remarks(Series().fit(values)) == []
    values[1][4, 2] = 2**31 - 1
    (told,) = Series().remarks(Series().fit(values))
    assert told.startswith("numbers up to 2.147e+09 stand among numbers of which nearly all are below ")
    assert "inputs.series.valid=[LOWEST, HIGHEST]" in told
    valid = Series(valid=(-100, 100))
    assert valid.remarks(valid.fit(values)) == []


@pytest.mark.parametrize("settings", SETTINGS)
def test_the_contract_is_kept_for_series_of_unequal_length(settings):
    check_modality(settings, series_of(1, 12, 30, 5, 17))


@pytest.mark.parametrize(
    "value",
    [
        as_npy(WALK),
        as_text(WALK),
        as_text(WALK, ","),
        as_text(WALK, " ; "),
        as_text(WALK, "\t", "# from a sensor\n"),
        as_text(WALK, ",", "a,b,c,d,e,f\n"),
        b"\xef\xbb\xbf" + as_text(WALK),
        as_text(WALK).replace(b"\n", b"\r\n"),
        json.dumps(WALK.tolist()).encode(),
        WALK.tolist(),
        WALK.astype(np.float64),
        WALK.reshape(9, 2, 3),
    ],
)
def test_every_way_of_writing_numbers_gives_the_same_frames(value):
    assert np.allclose(read_series(value, Series()), WALK, atol=1e-4)


@pytest.mark.parametrize("text", ["1,50;2,25\n3,00;4,75", "1,05\t2,5\n3,0\t4,75", "t;u\n1,5;2,2\n3,1;4,7\n"])
def test_a_comma_is_a_decimal_mark_where_another_mark_divides_the_cells(text):
    with_points = text.replace(",", ".").replace(";", ",")
    assert read_series(text.encode(), Series()).tolist() == read_series(with_points.encode(), Series()).tolist()


@pytest.mark.parametrize("text", ["value\n2,431\n0,977\n1,5", "2,431\n0,977\n1,05"])
def test_a_column_of_decimal_commas_is_one_channel(text):
    assert read_series(text.encode(), Series()).shape == (3, 1)


def test_pairs_of_whole_numbers_stay_pairs():
    assert read_series(b"12,34\n56,78\n9,10", Series()).shape == (3, 2)


def test_a_comma_divides_where_points_are_decimal_marks():
    assert read_series(b"1.5,2.5;3.5,4.5", Series()).tolist() == [[1.5, 2.5, 3.5, 4.5]]


def test_a_comma_that_may_be_either_is_refused():
    with pytest.raises(ValueError, match="a comma may be a decimal mark"):
        read_series(b"120,45;7,130\n121,44;8,131", Series())


def test_rows_of_joints_become_frames_of_the_columns_that_are_asked_for():
    rows = np.arange(24.0).reshape(6, 4)
    frames = read_series(as_text(rows), Series(rows=3, columns=(2, 0)))
    assert frames.tolist() == [[2, 0, 6, 4, 10, 8], [14, 12, 18, 16, 22, 20]]


def test_a_flat_row_becomes_frames_of_so_many_channels():
    assert read_series(list(range(6)), Series(channels=2)).tolist() == [[0, 1], [2, 3], [4, 5]]
    assert read_series(["1", "2.5"], Series()).tolist() == [[1], [2.5]]


def test_columns_of_a_table_are_the_numbers_of_one_flat_row():
    table = {"x1": ["1", "5"], "y1": ["2", "6"], "x2": ["3", "7"], "y2": ["4", "8"]}
    settings = Series(channels=2)
    encoded = settings.encode(table, {"channels": 2, "mean": [0.0, 0.0], "spread": [1.0, 1.0], "speed": [1.0, 1.0]})
    assert encoded.arrays["values"][1].tolist() == [[5, 6], [7, 8]]
    assert settings.fit(table)["channels"] == 2


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"", "the file is empty"),
        (b" \n\n", "no row of numbers"),
        (b"# only a note\n", "no row of numbers"),
        ([], "the series is empty"),
        (np.zeros((0, 6)), "the series is empty"),
        (None, "not a series but NoneType"),
        ("name.csv", "not a series but str"),
        (b"1 2\n3 x4\n", "row 2 holds 'x4', which is no number"),
        (b"1 2\n3\n", "row 2 holds 1 numbers, row 1 holds 2"),
        ([[1, 2], [3, None]], "row 2 holds a number that is missing or not finite"),
        ([[1, 2], [float("nan"), 3]], "row 2 holds a number that is missing or not finite"),
        ([[1, 2], [3, float("inf")]], "row 2 holds a number that is missing or not finite"),
        ([[1e300, 2]], "row 1 holds a number that is missing or not finite"),
        (b"1 2\nnan 3\n", "row 2 holds a number that is missing or not finite"),
        (b"\xff\xfe\x00", "neither text in UTF-8 nor"),
        (b"\x93NUMPY\x01\x00v", "the .npy file is broken"),
        (as_npy(WALK)[:-4], "the .npy file is broken"),
        (as_npy(np.array(["a"])), "must hold numbers"),
        (as_npy(np.zeros((1, 1, 1, 1))), "no series of shape"),
        (np.array(3.0), "no series of shape"),
        (b"[[1, 2], [3", "the JSON is broken"),
        (b'[{"x": 1}]', "an object where a number should stand"),
    ],
)
def test_what_is_no_series_is_refused_in_plain_words(value, reason):
    with pytest.raises(ValueError, match=reason.replace("[", r"\[").replace("(", r"\(")):
        read_series(value, Series())


def test_an_array_of_objects_is_never_unpickled():
    file = io.BytesIO()
    np.save(file, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(ValueError, match=r"the \.npy file is broken"):
        read_series(file.getvalue(), Series())


@pytest.mark.parametrize(
    ("settings", "value", "reason"),
    [
        (Series(rows=4), np.zeros((6, 2)), "6 rows cannot be frames of inputs.series.rows=4"),
        (Series(channels=4), [1, 2, 3], "3 numbers cannot be frames"),
        (Series(columns=(0, 9)), np.zeros((6, 2)), "asks for number 9"),
        (Series(valid=(0, 1)), [[1, 7], [0, 8]], "channel 1 has no number within"),
    ],
)
def test_a_value_that_the_settings_do_not_fit_is_refused(settings, value, reason):
    with pytest.raises(ValueError, match=reason):
        read_series(value, settings)


def test_a_series_of_another_width_than_training_is_bad_and_its_neighbours_are_not():
    settings = Series()
    state = settings.fit(series_of(5, 8, 9))
    encoded = settings.encode([WALK, WALK[:, :4], WALK], state)
    assert encoded.bad == {1: "4 numbers a frame; the training series have 6"}
    assert encoded.arrays["values"].lengths.tolist() == [9, 0, 9]


def test_gaps_are_filled_in_between_their_neighbours_in_time():
    column = [[1.0], [-9999.0], [float("nan")], [4.0], [1e9]]
    assert read_series(column, Series(valid=(-100, 100))).ravel().tolist() == [1, 2, 3, 4, 4]


def test_numbers_are_normalised_by_the_training_series_alone():
    settings = Series(dimensions=3)
    train = [one * 50 + 7 for one in series_of(40, 50, 60)]
    state = settings.fit(train)
    values = settings.encode(train, state).arrays["values"].values.reshape(-1, 3)
    assert np.allclose(values.mean(0), 0, atol=1e-4)
    assert np.allclose(values.std(0), 1, atol=1e-4)
    steps = np.concatenate([np.diff(settings.encode([one], state).arrays["values"][0], axis=0) for one in train])
    assert np.allclose(steps.reshape(-1, 3).std(0), state["speed"][:3], rtol=1e-3)
    other = settings.encode([train[0] + 100], state).arrays["values"][0]
    assert np.allclose(other * state["spread"] + state["mean"], train[0] + 100, rtol=1e-4, atol=1e-3)


def test_a_channel_that_never_changes_does_no_harm():
    settings = Series()
    constant = [np.column_stack([np.ones(5), np.arange(5.0)])] * 3
    values = settings.encode(constant, settings.fit(constant)).arrays["values"].values
    assert np.isfinite(values).all()
    assert not values[:, 0].any()


def test_without_a_series_that_can_be_read_there_is_nothing_to_learn():
    with pytest.raises(UserError, match="no training series"):
        Series().fit([b"", None])
    with pytest.raises(UserError, match="no points of 4 coordinates"):
        Series(dimensions=4).fit(series_of(5, 6))


@pytest.mark.parametrize(
    "wrong", [{"rotate": 5.0}, {"flip": True}, {"center": "frame"}, {"kernel": 4}, {"pools": (0,)}, {"cut": 0.6}]
)
def test_settings_that_mean_nothing_are_refused(wrong):
    with pytest.raises(ValueError, match=r"need dimensions|1 or more|lies in"):
        Series(**wrong)


def test_resampling_keeps_the_ends_and_goes_straight_between():
    state = {"channels": 1, "mean": [0.0], "spread": [1.0], "speed": [1.0]}
    values = Series(length=5).encode([[[0.0], [10.0], [20.0]], [[3.0]]], state).arrays["values"]
    assert values[..., 0].tolist() == [[0, 5, 10, 15, 20], [3, 3, 3, 3, 3]]


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (Series(pools=(1, 2, 2)), [("frames", 0, 4), ("frames", 4, 8), ("frames", 8, 9)]),
        (Series(pools=(2, 2), rate_hz=2.0), [("seconds", 0, 2), ("seconds", 2, 4), ("seconds", 4, 4.5)]),
        (Series(pools=(4,), length=8), [("frames", 0, 4.5), ("frames", 4.5, 9)]),
        (Series(pooling="max"), [("frames", 0, 9)]),
        (Series(dimensions=3, apart=True, pooling="max"), [("frames", 0, 9, "point 1"), ("frames", 0, 9, "point 2")]),
        (
            Series(dimensions=3, apart=True, pools=(5,), points=("hip", "hand")),
            [("frames", 0, 5, "hip"), ("frames", 0, 5, "hand"), ("frames", 5, 9, "hip"), ("frames", 5, 9, "hand")],
        ),
    ],
)
def test_a_token_stands_for_a_stretch_of_the_raw_series_and_for_a_point_where_they_stay_apart(settings, expected):
    spans = settings.spans(WALK, settings.fit([WALK] * 3))
    found = [(span.unit, span.start, span.end, span.name) for span in spans]
    assert found == [one if len(one) == 4 else (*one, "") for one in expected]


@pytest.mark.parametrize(
    "settings",
    [
        Series(pools=(1, 2)),
        Series(pools=(2, 3), kernel=7, pooling="max"),
        Series(dimensions=2, apart=True, pools=(2, 2)),
    ],
)
def test_training_sees_the_same_numbers_whether_or_not_there_is_padding(settings):
    """Also in training mode: what is padding is no part of the batch's mean and spread."""
    short, state = series_of(11, 11, 11), settings.fit(series_of(8, 9))
    torch.manual_seed(0)
    embed = settings.embedder(state, 16).train()
    arrays = settings.encode(short, state).arrays
    tensors = as_tensors(arrays, slice(None), "cpu")
    alone = embed(tensors)
    padded = embed({**tensors, "values": torch.nn.functional.pad(tensors["values"], (0, 0, 0, 6), value=9.0)})
    count = alone.features.shape[1]
    assert torch.allclose(alone.features, padded.features[:, :count], atol=1e-4)


def test_a_series_of_minus_ones_has_the_same_tokens_beside_a_longer_one():
    settings = Series(pools=(1, 2), velocities=True)
    state = settings.fit(series_of(8, 9))
    torch.manual_seed(0)
    embed = settings.embedder(state, 16).eval()
    rows = [np.full((length, state["channels"]), -1, np.float32) for length in (3, 11)]
    alone, beside = (
        embed(as_tensors({"values": Ragged.of(some, np.float32)}, slice(None), "cpu")) for some in (rows[:1], rows)
    )
    assert beside.is_real.sum(1).tolist() == [2, 6]
    assert torch.allclose(alone.features[0], beside.features[0, :2], atol=1e-6)


def varied(settings, arrays):
    torch.manual_seed(3)
    return augment(arrays, settings)


def ragged_batch(*lengths):
    settings = Series(dimensions=3)
    arrays = settings.encode(series_of(*lengths), settings.fit(series_of(9, 9))).arrays
    return as_tensors(arrays, slice(None), "cpu")


def test_variation_of_time_keeps_the_path_and_tells_the_new_length():
    line = torch.arange(40.0).reshape(1, 40, 1).repeat(6, 1, 3)
    line[3:, 25:] = 0
    given = {"values": line, "values.lengths": torch.tensor([40, 40, 40, 25, 25, 25])}
    after = varied(Series(dimensions=3, cut=0.2, time_stretch=0.5), given)
    lengths = after["values.lengths"]
    assert torch.equal((after["frames"] >= 0).sum(1), lengths)
    assert len(set(lengths.tolist())) > 2
    for row in range(6):
        last = 39 if row < 3 else 24
        places = after["values"][row, : lengths[row], 0]
        assert (after["frames"][row, : lengths[row]] == torch.arange(int(lengths[row]))).all()
        assert (places.diff() > 0).all()
        assert torch.allclose(places.diff(), places.diff()[0], atol=1e-3)  # one speed
        assert 0 <= places[0] <= 0.2 * last + 1e-4
        assert 0.8 * last - 1e-4 <= places[-1] <= last + 1e-4


def test_variation_of_a_fixed_length_keeps_the_length():
    line = torch.arange(10.0).reshape(1, 10, 1).repeat(4, 1, 3)
    after = varied(Series(dimensions=3, length=10, cut=0.3), {"values": line})
    assert list(after) == ["values"]
    assert after["values"].shape == line.shape
    assert (after["values"][:, 0, 0] > 0).any()


def test_turning_keeps_distances_and_heights_and_mirroring_turns_left_to_right():
    batch = ragged_batch(*[6] * 12)
    points = batch["values"].unflatten(2, (2, 3))
    turned = varied(Series(dimensions=3, rotate=90), batch)["values"].unflatten(2, (2, 3))
    assert torch.allclose(turned.norm(dim=-1), points.norm(dim=-1), atol=1e-4)
    assert torch.equal(turned[..., 1], points[..., 1])
    assert not torch.allclose(turned[..., 0], points[..., 0], atol=0.1)
    mirrored = varied(Series(dimensions=3, flip=True), batch)["values"].unflatten(2, (2, 3))
    signs = (mirrored[:, :, :, 0] / points[:, :, :, 0]).flatten(1)
    assert set(signs[:, 0].round().tolist()) == {1.0, -1.0}
    assert torch.allclose(signs, signs[:, :1].expand_as(signs), atol=1e-4)
    assert torch.equal(mirrored[..., 1:], points[..., 1:])


def test_hiding_takes_whole_points_for_the_whole_series():
    batch = {"values": torch.ones(40, 5, 6), "frames": torch.arange(5).repeat(40, 1)}
    hidden = varied(Series(dimensions=3, channel_dropout=0.5), batch)["values"].unflatten(2, (2, 3))
    share = hidden.mean((1, 3))
    assert set(share.flatten().tolist()) == {0.0, 1.0}
    assert 0.3 < float(share.mean()) < 0.7


def test_scale_and_noise_are_as_large_as_they_are_said_to_be():
    batch = {"values": torch.ones(400, 5, 6)}
    scaled = varied(Series(dimensions=3, scale=0.2), batch)["values"].unflatten(2, (2, 3))
    assert float(scaled.max()) <= np.exp(0.2) + 1e-4
    assert torch.equal(scaled[:, :, 0], scaled[:, :, 1])
    noisy = varied(Series(noise=0.1), batch)["values"]
    assert float(noisy.std()) == pytest.approx(0.1, rel=0.05)
    assert torch.equal(varied(Series(), batch)["values"], batch["values"])


def test_a_person_sees_points_where_they_were_few_channels_as_lines_and_many_as_rows():
    settings = Series(dimensions=2)
    line = np.column_stack([np.linspace(0, 9, 10), np.full(10, 3.0)])
    state = settings.fit([line] * 3)
    arrays = settings.encode([line], state).arrays
    picture = settings.display({"values": arrays["values"][0]}, state)
    rows, columns = np.nonzero(picture)
    middle = picture.shape[0] // 2 - 1
    assert set(rows) == {middle - 1, middle, middle + 1}  # a dot of three pixels ends it
    assert columns.max() - columns.min() > 100
    assert abs(columns.max() + columns.min() - picture.shape[1]) <= 3
    way = picture[middle, columns.min() : columns.max()].astype(int)
    assert (np.diff(way) >= 0).all()
    assert 0 < way[0] < way[-1] == 255
    shown = Series(rate_hz=2.0).display({"values": arrays["values"][0]}, state)
    assert shown.data["x"] == "seconds"
    assert np.allclose(shown.data["lines"]["channel 1"], np.column_stack([np.arange(10) / 2, line[:, 0]]), atol=1e-4)
    many = np.random.default_rng(0).normal(size=(10, 9))
    state = Series().fit([many] * 3)
    arrays = Series().encode([many], state).arrays
    assert Series().display({"values": arrays["values"][0]}, state).shape == (9, 10)


def test_a_long_series_is_drawn_with_few_points():
    long = np.sin(np.arange(5_000))[:, None]
    settings = Series(max_length=6_000)
    state = settings.fit([long] * 2)
    shown = settings.display({"values": settings.encode([long], state).arrays["values"][0]}, state)
    assert len(shown.data["lines"]["channel 1"]) == 200
    assert shown.title == "5,000 frames of 1 number"
