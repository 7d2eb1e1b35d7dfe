"""Where downloads and prepared data are kept: one folder, whoever asks."""

from __future__ import annotations

from pathlib import Path

import pytest

from noria.sources.core.download import fetch
from noria.store.cache import cache_folder


def test_the_cache_follows_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NORIA_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "noria"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_folder() == Path.home() / ".cache" / "noria"


@pytest.mark.parametrize(("name", "inner"), [("NORIA_CACHE", ""), ("XDG_CACHE_HOME", "noria")])
def test_a_home_in_it_is_the_users_home_for_downloads_and_for_prepared_data(
    name: str, inner: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("NORIA_CACHE", raising=False)
    monkeypatch.setenv(name, "~/kept")
    assert cache_folder() == tmp_path / "kept" / inner
    assert fetch("nothing", {}) == tmp_path / "kept" / inner / "data" / "nothing"
