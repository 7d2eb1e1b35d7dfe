"""Names that are not ours and pages of other sites are refused; programs and our own page are not."""

from __future__ import annotations

import pytest

from noria.errors import UserError
from noria.service.door.door import Door
from noria.service.door.host import checked_hosts
from service.door.raw import raw

HERE = ("127.0.0.1", 8000)
ELSEWHERE = ("192.0.2.7", 8000)


@pytest.mark.parametrize(
    ("host", "server", "is_ours"),
    [
        ("localhost:8000", HERE, True),
        ("127.0.0.1:8000", HERE, True),
        ("[::1]:8000", HERE, True),
        ("LOCALHOST:8000", HERE, True),
        ("localhost", HERE, True),  # a browser would name the port: so this is a program
        ("localhost:9000", HERE, False),
        ("evil.example", HERE, False),
        ("evil.example:8000", HERE, False),
        ("localhost.evil.example:8000", HERE, False),
        ("127.0.0.1.evil.example:8000", HERE, False),
        ("192.0.2.7:8000", HERE, False),
        ("user@localhost:8000", HERE, False),
        ("localhost:8000/", HERE, False),
        ("", HERE, False),
        ("models.example.com", HERE, True),
        ("models.example.com:443", HERE, True),
        ("tunnel.example:9000", HERE, True),
        ("tunnel.example:9001", HERE, False),
        ("192.0.2.7:8000", ELSEWHERE, True),
        ("10.1.2.3:31000", ELSEWHERE, True),  # a mapped address and port
        ("[2001:db8::1]:8000", ELSEWHERE, True),
        ("localhost:9000", ELSEWHERE, True),
        ("evil.example:8000", ELSEWHERE, False),
        ("models.example.com", ELSEWHERE, True),
    ],
)
def test_only_known_names_are_answered_to(small, host, server, is_ours) -> None:
    app = small(Door(allowed_hosts=("models.example.com", "tunnel.example:9000")))
    headers = [(b"host", host.encode())]
    assert raw(app, "GET", "/schema", headers, server=server).status == (200 if is_ours else 421)
    assert raw(app, "GET", "/livez", headers, server=server).status == 200


def test_two_names_are_none(small) -> None:
    host = (b"host", b"localhost:8000")
    assert raw(small(), "GET", "/schema", [host, host], server=HERE).status == 421


def test_a_program_that_names_no_host_is_answered(small) -> None:
    assert raw(small(), "GET", "/schema", [], server=HERE).status == 200


@pytest.mark.parametrize(
    ("origin", "is_ours"),
    [
        (None, True),
        ("http://127.0.0.1:8000", True),
        ("https://127.0.0.1:8000", True),  # behind a proxy that encrypts
        ("http://127.0.0.1:9000", False),
        ("http://127.0.0.1", False),
        ("http://evil.example", False),
        ("null", False),
        ("", False),
        ("http://[", False),  # what no parser of addresses takes
        ("http://[x", False),
        ("http://evil.example/127.0.0.1:8000", False),
        ("http://127.0.0.1:8000@evil.example", False),
        ("https://page.example", True),
    ],
)
@pytest.mark.parametrize(("method", "path"), [("POST", "/predict"), ("GET", "/schema"), ("OPTIONS", "/predict")])
def test_pages_of_other_sites_may_not_ask(small, origin, is_ours, method, path) -> None:
    app = small(Door(allowed_hosts=("page.example",)))
    headers = [(b"host", b"127.0.0.1:8000")]
    if origin is not None:
        headers.append((b"origin", origin.encode()))
    answer = raw(app, method, path, headers, server=HERE)
    assert (answer.status == 403) != is_ours
    assert not [name for name in answer.headers if name.startswith("access-control")]


def test_what_a_browser_says_of_itself_is_heard(small) -> None:
    headers = [(b"host", b"127.0.0.1:8000"), (b"sec-fetch-site", b"cross-site")]
    assert raw(small(), "GET", "/schema", headers, server=HERE).status == 403
    assert raw(small(), "GET", "/", headers, server=HERE).status == 200  # a link that somebody follows
    assert raw(small(), "POST", "/", headers, server=HERE).status == 403


@pytest.mark.parametrize("name", ["", "a b", "http://a", "a/b", "a:b"])
def test_a_name_that_is_none_is_told(name) -> None:
    with pytest.raises(UserError, match="this is no name of a host"):
        checked_hosts([name])


def test_every_answer_tells_browsers_to_keep_out(small) -> None:
    for path in ("/schema", "/nothing", "/livez"):
        headers = raw(small(), "GET", path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"
        assert headers["content-security-policy"].startswith("default-src 'none'; frame-ancestors 'none'")
    page = raw(small(), "GET", "/").headers["content-security-policy"]
    assert "script-src 'self'" in page
    assert "frame-ancestors 'none'" in page
    assert "unsafe" not in page
