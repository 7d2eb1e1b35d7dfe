"""The process that listens computes nothing, so it holds nothing that computes: it starts soon and is small."""

from __future__ import annotations

import sys
from pathlib import Path

import httpx
import pytest

from service.real.conftest import KEY
from service.server import Served


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_process_that_listens_never_loads_torch(server: Served) -> None:
    with httpx.Client(base_url=server.url, headers={"authorization": f"Bearer {KEY}"}, timeout=60) as client:
        for path in ("/models", "/openapi.json", "/metrics", "/", "/traffic", "/ledger"):
            assert client.get(path).status_code == 200, path
        assert client.post("/predict/text", json={"text": "a moving film"}).status_code == 200
    assert "libtorch" not in Path(f"/proc/{server.pid}/maps").read_text("utf-8")
