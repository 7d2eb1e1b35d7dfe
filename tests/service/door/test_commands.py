"""The commands of the door: keys are made and used, and a key on the command line is refused."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest

from noria import cli
from noria.service.door.keys import read_keys

Told = Callable[..., tuple[int, str, str]]


@pytest.fixture
def told(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Told:
    """Run a command; return its exit code and what it printed."""

    def run(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["noria", *words])
        with pytest.raises(SystemExit) as left:
            cli.main()
        out, err = capsys.readouterr()
        return int(left.value.code or 0), out, err

    return run


def test_a_key_is_made_listed_and_revoked(told, tmp_path) -> None:
    file = str(tmp_path / "keys.yaml")
    code, secret, _ = told("keys", "add", "shop", "--file", file, "--model", "digits", "--verb", "metrics")
    assert code == 0
    assert secret.startswith("noria_")
    assert read_keys(tmp_path / "keys.yaml")[0].verbs == ("metrics",)
    assert told("keys", "list", "--file", file)[1] == "shop; metrics; digits\n"
    assert told("keys", "revoke", "shop", "--file", file)[0] == 0
    assert told("keys", "list", "--file", file)[1] == "there are no keys\n"


def test_a_verb_that_is_none_is_told(told, tmp_path) -> None:
    code, _, error = told("keys", "add", "shop", "--file", str(tmp_path / "k.yaml"), "--verb", "predicts")
    assert code == 2
    assert "predict, stream, admin, metrics" in error


def test_a_key_on_the_command_line_is_refused_with_another_way(told) -> None:
    code, _, error = told("serve", "runs/none", "--key", "seen-by-all")
    assert code == 2
    assert "NORIA_KEY" in error
    assert "--key-file" in error
    assert "seen-by-all" not in error


def test_the_key_of_a_file_is_the_servers(tmp_path, monkeypatch) -> None:
    import noria
    from noria.service import serve

    (tmp_path / "key").write_text("of-a-file\n")
    got = {}
    monkeypatch.setattr(serve, "serve", lambda *_, **settings: got.update(settings))
    noria.serve("runs/none", key_file=tmp_path / "key", allowed_hosts=["a.example"])
    assert (got["door"].key, got["door"].allowed_hosts) == ("of-a-file", ("a.example",))
