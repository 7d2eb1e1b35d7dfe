"""Clients that other people write, each in an environment of its own, as their pins would fight ours and each other's.

    python tests/service/clients.py     makes the environments that are missing, from the package index

Tests never make one: they skip where it is missing. NORIA_CLIENTS names another folder for them. A script within one
names the folder in which it was made, so it is started by the interpreter.
"""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

CLIENTS = {
    "openai": ["openai==3.57.0"],  # on httpx2
    "openai-1": ["openai==1.109.1"],  # what most still pin, on httpx
    "tritonclient": ["tritonclient[http]==2.73.0"],
    "huggingface_hub": ["huggingface_hub==2.4.0", "numpy", "pillow"],
    "ollama": ["ollama==0.6.3"],
    "ray": ["ray==2.60.0"],  # no client: what Noria itself runs on, beside the packages of this environment
    "schemathesis": ["schemathesis==4.32.5"],  # which asks all that the OpenAPI document says
}
BESIDE_OURS = {"ray"}


def python_of(client: str) -> Path:
    """Return the interpreter that has a client; skip the test where there is none."""
    python = _python(client)
    if not python.is_file():
        pytest.skip(f"{client} has no environment: python {os.path.relpath(__file__)} makes it")
    return python


def _folder() -> Path:
    return Path(os.environ.get("NORIA_CLIENTS") or "~/.cache/noria-clients").expanduser()


def _python(client: str) -> Path:
    return _folder() / "-".join(CLIENTS[client]).replace("==", "-") / "bin" / "python"


def make() -> None:
    """Make the environments that are missing; one that cannot be made leaves nothing behind."""
    for client, packages in CLIENTS.items():
        python = _python(client)
        if python.is_file():
            continue
        folder = python.parent.parent
        unfinished = folder.with_name(f".{folder.name}")
        venv.create(unfinished, clear=True, with_pip=True, symlinks=True)
        if client in BESIDE_OURS:
            packages_here = Path(sysconfig.get_path("purelib", vars={"base": str(unfinished)}))
            (packages_here / "beside.pth").write_text(sysconfig.get_path("purelib"), encoding="utf-8")
        pip = [str(unfinished / "bin" / "python"), "-m", "pip", "install", "--disable-pip-version-check", "-q"]
        subprocess.run([*pip, *packages], check=True)
        unfinished.rename(folder)
        print(f"{client}: {folder}")  # noqa: T201 (a tool)


if __name__ == "__main__":
    sys.exit(make())
