"""Rows of interactions as histories: columns that are found, protocols that divide, and what is told of the rows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from noria.contract.source import Gathering, Source
from noria.errors import UserError
from noria.sources.formats.histories import histories
from noria.sources.formats.opening import open_source

COLUMNS = "user_id,item_id,rating,timestamp"


def test_events_of_a_user_are_one_history_in_the_order_of_time_and_then_of_the_file(tmp_path: Path):
    source = opened(tmp_path, ["u1,b,4,20", "u2,x,1,5", "u1,a,5,10", "u1,c,3,20", "u1,d,2,20"])

    (first, second) = (record for rows in source.rows() for record in rows.records())

    assert list(first.fields["history"].items) == ["a", "b", "c", "d"]
    assert first.fields["history"].ratings.tolist() == [5, 4, 3, 2]
    assert first.where.endswith("/user u1")
    assert list(second.fields["history"].items) == ["x"]


@pytest.mark.parametrize(
    "header",
    [
        "userId,movieId,rating,timestamp",
        "user_id:token,item_id:token,rating:float,timestamp:float",
        "customer,sku,score,date",
    ],
)
def test_columns_are_found_by_the_names_of_published_sets(tmp_path: Path, header: str):
    source = opened(tmp_path, ["u1,a,5,10", "u1,b,4,20"], header)

    assert source.columns == ["history", "user"]
    assert any("a record is a user's history" in note for note in source.notes())


def test_columns_can_be_named(tmp_path: Path):
    by = Gathering({"user": "who", "item": "what"})

    source = opened(tmp_path, ["u1,a,5", "u1,b,4"], "who,what,much", by)

    assert list(only(source).items) == ["a", "b"]


def test_a_named_column_that_is_not_there_is_told_with_the_nearest_word(tmp_path: Path):
    with pytest.raises(UserError, match="whom") as caught:
        opened(tmp_path, ["u1,a"], "who,what", Gathering({"user": "whom", "item": "what"}))

    assert "who" in str(caught.value)


def test_a_table_that_is_no_table_of_interactions_stays_as_it_is(tmp_path: Path):
    source = opened(tmp_path, ["1,2", "3,4"], "width,height")

    assert source.columns == ["width", "height"]


def test_leave_last_out_goes_on_from_all_before(tmp_path: Path):
    source = opened(
        tmp_path, [f"u,{item},1,{place}" for place, item in enumerate("abcde")], by=Gathering(within="last")
    )

    assert divided(source) == {"train": ("ab", "c"), "validation": ("abc", "d"), "test": ("abcd", "e")}


def test_an_item_that_the_user_had_before_is_history_and_no_answer(tmp_path: Path):
    items = "abcdaeb"
    source = opened(tmp_path, [f"u,{item},1,{place}" for place, item in enumerate(items)], by=Gathering(within="last"))

    assert divided(source)["test"] == ("abcda", "e")
    assert any("2 events are of an item that their user had before" in note for note in source.notes())


def test_users_with_too_few_items_are_in_training_alone_and_counted(tmp_path: Path):
    source = opened(tmp_path, ["u,a,1,1", "u,b,1,2", *(f"v,{i},1,{i}" for i in range(4))], by=Gathering(within="last"))

    users = [rows.columns["user"] for rows in source.rows() if rows.split == "test"]

    assert users == [["v"]]
    assert any("1 users with fewer than 3 items" in note for note in source.notes())


def test_a_random_division_has_a_tenth_of_each_user_and_the_same_for_a_user_whoever_stands_beside(tmp_path: Path):
    rows = [f"u,{place},1,{place}" for place in range(20)]
    by = Gathering(within="random", test=0.1, validation=1 / 9)

    alone = split_items(opened(tmp_path, rows, by=by, name="alone"), "u")
    beside = split_items(opened(tmp_path, [f"a,{i},1,{i}" for i in range(9)] + rows, by=by, name="beside"), "u")

    assert {split: len(answers) for split, (_, answers, _) in alone.items()} == {"train": 1, "validation": 2, "test": 2}
    assert alone == beside


def test_of_a_random_division_the_validation_items_are_neither_history_nor_answer_of_test(tmp_path: Path):
    by = Gathering(within="random", test=0.2, validation=0.2)
    found = split_items(opened(tmp_path, [f"u,{place},1,{place}" for place in range(20)], by=by), "u")

    history, answers, without = found["test"]

    assert set(without) == set(found["validation"][1])
    assert not set(history) & (set(answers) | set(without))
    assert len({*history, *answers, *without}) == 20


def test_a_global_time_cut_never_parts_events_of_one_moment_and_counts_new_users(tmp_path: Path):
    rows = [f"u,{place},1,{min(place, 5)}" for place in range(8)] + ["new,x,1,9", "new,y,1,9"]

    source = opened(tmp_path, rows, by=Gathering(within="time", test=0.1, validation=0.2))

    assert split_items(source, "new")["test"] == ([], ["x", "y"], [])
    assert split_items(source, "u")["validation"][1] == ["5", "6", "7"]
    assert any("1 users of test have no earlier event" in note for note in source.notes())


def test_the_first_lines_of_a_file_are_test_where_a_published_split_says_so(tmp_path: Path):
    rows = ["u,a,1,9", "v,b,1,1", "u,c,1,2", "u,d,1,3", "v,e,1,4"]

    source = opened(tmp_path, rows, by=Gathering(within="lines", lines=2, validation=0))

    assert split_items(source, "u")["test"] == (["c", "d"], ["a"], [])
    assert split_items(source, "v")["test"] == (["e"], ["b"], [])


def test_rows_that_say_the_same_count_once_and_are_told(tmp_path: Path):
    source = opened(tmp_path, ["u,a,1,1", "u,a,1,1", "u,b,1,2"])

    assert list(only(source).items) == ["a", "b"]
    assert any("1 rows say the same as one before" in note for note in source.notes())


def test_rows_without_a_user_or_an_item_are_quarantined_with_their_place(tmp_path: Path):
    source = opened(tmp_path, ["u,a,1,1", ",b,1,2", "u,,1,3"])

    (rows,) = source.rows()

    assert [(one.where.rpartition(":")[2], one.reason) for one in rows.bad] == [
        ("3", "names no user"),
        ("4", "names no item"),
    ]


def test_negative_and_absurd_times_keep_the_event_in_its_place_and_are_counted(tmp_path: Path):
    source = opened(tmp_path, ["u,a,1,10", "u,b,1,-5", "u,c,1,9e30", "u,d,1,soon", "u,e,1,5"])

    assert list(only(source).items) == ["e", "a", "b", "c", "d"]
    assert any("3 times are none of 1970 to 2100" in note for note in source.notes())


def test_of_times_that_are_not_known_it_is_not_said_that_they_are_the_same(tmp_path: Path):
    by = Gathering(within="last")
    unknown, known = (
        opened(tmp_path, [f"u,{item},1,{time}" for item in "abcd"], by=by, name=f"t{time}") for time in (-5, 9)
    )

    divided(unknown), divided(known)

    assert not any("the same time" in note for note in unknown.notes())
    assert any("100% of neighbouring events have the same time" in note for note in known.notes())


def test_times_may_be_dates_or_milliseconds(tmp_path: Path):
    source = opened(tmp_path, ["u,a,1,2020-01-02", "u,b,1,1577836800000", "u,c,1,2020-01-03T10:00:00Z"])

    history = only(source)

    assert list(history.items) == ["b", "a", "c"]
    assert history.times[0] == 1_577_836_800


def test_users_with_very_many_events_are_told_and_kept(tmp_path: Path):
    rows = [f"bot,{i},1,{i}" for i in range(1100)] + [f"u{i},a,1,1" for i in range(9)]

    source = opened(tmp_path, rows)

    assert sum(len(rows) for rows in source.rows()) == 10
    assert any("1 users have more than 1,000 events, 'bot' 1,100" in note for note in source.notes())


def test_tables_of_items_and_users_beside_a_file_of_recbole_describe_them(tmp_path: Path):
    (tmp_path / "s.inter").write_text("user_id:token\titem_id:token\nu\ta\nu\tb\n")
    (tmp_path / "s.item").write_text("item_id:token\ttitle:token_seq\tclass:token_seq\na\tAlien\tHorror Drama\n")
    (tmp_path / "s.user").write_text("user_id:token\tgender:token\nu\tF\n")

    source = histories(open_source(tmp_path / "s.inter"), Gathering(), "ranking")
    (rows,) = source.rows()
    history = rows.columns["history"][0]

    assert rows.columns["gender"] == ["F"]
    assert history.user == {"gender": ("F",)}
    assert history.catalogue.titles == {"a": "Alien"}
    assert history.catalogue.rows["a"] == {"class": ("Horror", "Drama")}


def test_ratings_of_movielens_with_double_colons_are_read_and_broken_lines_told(tmp_path: Path):
    (tmp_path / "ratings.dat").write_text("1::10::5::978300760\n1::20::3\n1::30::4::978300761\n")
    (tmp_path / "movies.dat").write_text("10::Toy Story (1995)::Animation|Comedy\n", "latin-1")

    (rows,) = histories(open_source(tmp_path / "ratings.dat"), Gathering(), "ranking").rows()

    assert list(rows.columns["history"][0].items) == ["10", "30"]
    assert rows.columns["history"][0].catalogue.rows["10"] == {"genres": ("Animation", "Comedy")}
    assert [(one.where, one.reason) for one in rows.bad] == [("ratings.dat:2", "has 3 cells, expected 4")]


def test_a_table_without_a_header_is_refused_with_how_to_name_its_columns(tmp_path: Path):
    path = tmp_path / "u.data"
    path.write_text("196\t242\t3\t881250949\n186\t302\t3\t891717742\n196\t51\t2\t881250950\n")

    with pytest.raises(UserError) as caught:
        histories(open_source(path), Gathering(), "ranking")

    assert "data.columns=[user, item, rating, time]" in str(caught.value)


def opened(
    tmp_path: Path, rows: list[str], header: str = COLUMNS, by: Gathering | None = None, name: str = "t"
) -> Source:
    path = tmp_path / f"{name}.csv"
    path.write_text("\n".join([header, *rows]) + "\n")
    return histories(open_source(path), by or Gathering(), "ranking")


def only(source: Source):
    (rows,) = source.rows()
    (history,) = rows.columns["history"]
    return history


def divided(source: Source) -> dict[str, tuple[str, str]]:
    return {
        rows.split: ("".join(rows.columns["history"][0].items), "".join(rows.columns["ranking"][0].items))
        for rows in source.rows()
    }


def split_items(source: Source, user: str) -> dict[str, tuple[list[str], list[str], list[str]]]:
    found = {}
    for rows in source.rows():
        for index in np.flatnonzero(np.array(rows.columns["user"]) == user):
            history, answer = rows.columns["history"][index], rows.columns["ranking"][index]
            found[rows.split] = (list(history.items), list(answer.items), list(history.without))
    return found
