"""Encrypted connections: answered as plain ones are, and files that are no pair are told before anything is served."""

from __future__ import annotations

import os
import ssl

import httpx
import pytest

from noria.errors import UserError
from noria.service.door.door import Door


def test_an_encrypted_answer_is_the_plain_one(served, certificate) -> None:
    trusted = ssl.create_default_context(cafile=str(certificate[0]))
    body = os.urandom(300_000)
    with served(Door(certificate=certificate[0], certificate_key=certificate[1])) as running:
        url = f"https://localhost:{running.port}/predict"
        with httpx.Client(verify=trusted) as client:
            for _ in range(3):  # on one connection
                assert client.post(url, content=body, timeout=60).content == body
        assert len(running.server.server_state.connections) <= 1


def test_old_kinds_of_encryption_are_refused(certificate) -> None:
    tls = Door(certificate=certificate[0], certificate_key=certificate[1]).tls
    assert tls is not None
    assert tls.minimum_version >= ssl.TLSVersion.TLSv1_2


def test_one_file_without_the_other_is_told(certificate) -> None:
    for one in (Door(certificate=certificate[0]), Door(certificate_key=certificate[1])):
        with pytest.raises(UserError, match="give both --certificate and --certificate-key"):
            _ = one.tls


def test_files_that_are_no_pair_are_told(certificate, tmp_path) -> None:
    other = tmp_path / "other.pem"
    other.write_text("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
    for key in (other, certificate[0]):
        with pytest.raises(UserError, match="cannot be used together"):
            _ = Door(certificate=certificate[0], certificate_key=key).tls
    with pytest.raises(UserError, match="there is no such file"):
        _ = Door(certificate=certificate[0], certificate_key=tmp_path / "none.pem").tls
