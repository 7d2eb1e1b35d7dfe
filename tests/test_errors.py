"""The command that adds an extra installs what is installed here, and no other project."""

from __future__ import annotations

import json
from importlib import metadata
from pathlib import Path

import pytest

from noria.errors import how_to_install


@pytest.fixture
def origin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the one installation that there is says where it is from."""
    folder = tmp_path / "noria-0.1.0.dist-info"
    folder.mkdir()
    monkeypatch.setattr(metadata, "distributions", lambda name: [metadata.PathDistribution(folder)])
    return folder / "direct_url.json"


@pytest.mark.parametrize(("editable", "option"), [({"editable": True}, "-e "), ({}, "")])
def test_an_extra_is_installed_from_the_folder_that_this_installation_is_from(
    editable: dict[str, bool], option: str, origin: Path, tmp_path: Path
) -> None:
    clone = tmp_path / "水 车"
    clone.mkdir()
    (clone / "pyproject.toml").touch()
    origin.write_text(json.dumps({"url": clone.as_uri(), "dir_info": editable}))
    assert how_to_install("s3") == f"pip install {option}'{clone}[s3]'"


@pytest.mark.parametrize(
    "told",
    [
        None,
        {"url": "file:///folder/that/is/gone", "dir_info": {}},
        {"url": "file:///noria-0.1.0-py3-none-any.whl", "archive_info": {}},
    ],
)
def test_where_there_is_no_such_folder_a_sentence_says_what_not_to_do(told: object, origin: Path) -> None:
    if told is not None:
        origin.write_text(json.dumps(told))
    assert how_to_install("s3").endswith("not by its name from the package index")
