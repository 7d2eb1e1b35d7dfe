import hashlib
import os
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from noria.errors import UserError
from noria.sources.core.download import fetch

DATA = b"digits" * 1000
SHA = hashlib.sha256(DATA).hexdigest()


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.asked.append(self.path)
        if self.path == "/absent":
            self.send_error(404)
            return
        if self.path == "/elsewhere":
            self.send_response(302)
            self.send_header("Location", "http://example.invalid/data")
            self.end_headers()
            return
        body = b"changed" if self.path == "/changed" else DATA
        self.send_response(200)
        self.send_header("Content-Length", str(len(body) + (100 if self.path == "/cut" else 0)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def server(tmp_path, monkeypatch):
    monkeypatch.setenv("NORIA_CACHE", str(tmp_path / "cache"))
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.asked = []
    server.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_file_is_downloaded_once_and_then_found(server, tmp_path):
    seen = []
    files = {"a.bin": {"url": f"{server.url}/a", "sha256": SHA}}
    folder = fetch("digits", files, progress=lambda *step: seen.append(step))
    assert folder == tmp_path / "cache" / "data" / "digits"
    assert (folder / "a.bin").read_bytes() == DATA
    assert seen[-1] == ("a.bin", len(DATA), len(DATA))
    assert fetch("digits", files) == folder
    assert server.asked == ["/a"]
    assert os.listdir(folder) == ["a.bin"]


def test_a_spoiled_file_in_the_cache_is_fetched_again(server):
    files = {"a.bin": {"url": f"{server.url}/a", "sha256": SHA}}
    path = fetch("digits", files) / "a.bin"
    path.write_bytes(b"spoiled")
    fetch("digits", files)
    assert path.read_bytes() == DATA


def test_a_mirror_is_tried_where_the_first_address_fails(server):
    urls = [f"{server.url}/absent", f"{server.url}/changed", f"{server.url}/a"]
    fetch("digits", {"a.bin": {"urls": urls, "sha256": SHA}})
    assert server.asked == ["/absent", "/changed", "/a"]


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/absent", "Not Found"),
        ("/changed", "has changed"),
        ("/cut", "broke off"),
        ("/elsewhere", "only https"),
    ],
)
def test_what_cannot_be_had_leaves_nothing_behind_and_says_what_to_put_where(server, tmp_path, path, reason):
    with pytest.raises(UserError, match=reason) as caught:
        fetch("digits", {"a.bin": {"url": server.url + path, "sha256": SHA}})
    assert "data.path=" in str(caught.value)
    assert "a.bin" in str(caught.value)
    assert os.listdir(tmp_path / "cache" / "data" / "digits") == []


def test_a_file_larger_than_allowed_is_stopped(server):
    with pytest.raises(UserError, match="larger than 100 bytes"):
        fetch("digits", {"a.bin": {"url": f"{server.url}/a", "sha256": SHA}}, max_bytes=100)


@pytest.mark.parametrize("url", ["http://example.com/a", "file:///etc/passwd", "ftp://x/y", "http://127.0.0.1.evil/a"])
def test_only_https_is_downloaded_from(tmp_path, monkeypatch, url):
    monkeypatch.setenv("NORIA_CACHE", str(tmp_path))
    with pytest.raises(UserError, match="only https"):
        fetch("digits", {"a.bin": {"url": url, "sha256": SHA}})


def test_without_a_network_the_files_to_put_there_are_named(tmp_path, monkeypatch):
    monkeypatch.setenv("NORIA_CACHE", str(tmp_path))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    files = {name: {"url": f"http://127.0.0.1:{port}/{name}", "sha256": SHA} for name in ("a.bin", "b.bin")}
    with pytest.raises(UserError, match=r"a\.bin, b\.bin"):
        fetch("digits", files)


def test_files_put_into_the_cache_by_hand_need_no_network(tmp_path, monkeypatch):
    monkeypatch.setenv("NORIA_CACHE", str(tmp_path))
    (tmp_path / "data" / "digits").mkdir(parents=True)
    (tmp_path / "data" / "digits" / "a.bin").write_bytes(DATA)
    assert fetch("digits", {"a.bin": {"url": "https://example.invalid/a", "sha256": SHA}}).name == "digits"
