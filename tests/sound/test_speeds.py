"""How fast a voice may be asked to speak."""

from __future__ import annotations

import pytest

from noria.errors import UserError
from noria.sound.speeds import Speeds

SPEEDS = Speeds(0.5, 2.0)


@pytest.mark.parametrize(("asked", "found"), [({}, 1.5), ({"speed": 2}, 2.0), ({"speed": 0.5}, 0.5)])
def test_a_request_gets_the_speed_that_it_asks_for_or_the_usual_one(asked, found):
    assert SPEEDS.asked(asked, 1.5) == found


@pytest.mark.parametrize("speed", [0, -1, 2.1, float("nan"), float("inf"), True, "fast", None])
def test_what_is_no_speed_is_refused_with_those_that_are(speed):
    with pytest.raises(UserError, match=r"0\.5 to 2") as caught:
        SPEEDS.asked({"speed": speed}, 1.0)
    assert caught.value.where == "speed"


def test_another_setting_is_named():
    with pytest.raises(UserError, match="pitch"):
        SPEEDS.asked({"speed": 1.0, "pitch": 3}, 1.0)


def test_a_setting_of_a_job_and_the_schema_of_a_request_have_the_same_bounds():
    assert [SPEEDS.rule(one)[0] for one in (0.4, 0.5, 2.0, 2.1)] == [False, True, True, False]
    assert SPEEDS.schema()["properties"]["speed"] == {"type": "number", "minimum": 0.5, "maximum": 2.0}
