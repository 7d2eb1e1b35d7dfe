import pytest

from noria.errors import UserError
from noria.sources.core.limits import Limits, Meter


def test_ordinary_archives_pass_and_each_limit_stops_at_its_own_number(tmp_path):
    path = tmp_path / "a.zip"
    path.write_bytes(bytes(100))
    meter = Meter(path, Limits(max_members=2, max_total_bytes=1000, max_ratio=5, free_bytes=50))
    meter.count_member("a")
    meter.count_member("b")
    meter.count_bytes(500, "b")
    with pytest.raises(UserError, match="more than 2 members"):
        meter.count_member("c")
    with pytest.raises(UserError, match="more than 5 times its size"):
        meter.count_bytes(1, "c")
    with pytest.raises(UserError, match="more than 1000 bytes"):
        meter.count_bytes(600, "c")


def test_below_the_free_bytes_the_ratio_does_not_matter(tmp_path):
    path = tmp_path / "a.zip"
    path.write_bytes(b"x")
    Meter(path).count_bytes(50_000_000, "a")
