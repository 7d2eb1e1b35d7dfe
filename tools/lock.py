"""Write requirements.lock: exact versions of everything that `make setup` installs, as they stand in .venv now.

Packages that only a GPU build of torch brings (nvidia-*, triton) are left to torch's own pins.
"""

from __future__ import annotations

import tomllib
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
GPU_ONLY = ("nvidia-", "cuda-", "triton")
BUILD = ["setuptools", "wheel", "packaging"]
LOCKED = (
    "tune",
    "parquet",
    "sheets",
    "text",
    "vision",
    "audio",
    "pinyin",
    "video",
    "molecules",
    "fonts",
    "pretrained",
    "onnx",
    "dev",
)


def main() -> None:
    """Write the lock file."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"]
    wanted = [*project["dependencies"], *BUILD]
    wanted += [line for name in LOCKED for line in extras[name] if not line.startswith("noria[")]
    versions: dict[str, str] = {}
    while wanted:
        requirement = Requirement(wanted.pop())
        name = requirement.name.lower().replace("_", "-")
        marker, extras = requirement.marker, ("", *requirement.extras)
        needed = marker is None or any(marker.evaluate({"extra": extra}) for extra in extras)
        if name in versions or name.startswith(GPU_ONLY) or not needed:
            continue
        try:
            found = distribution(name)
        except PackageNotFoundError:
            continue
        versions[name] = found.version.split("+")[0]
        wanted += [line for line in found.requires or [] if "extra ==" not in line]
    lines = ["# Written by `make lock` (tools/lock.py). Everything that `make setup` installs, exactly."]
    lines += [f"{name}=={versions[name]}" for name in sorted(versions)]
    (ROOT / "requirements.lock").write_text("\n".join(lines) + "\n", "utf-8")


if __name__ == "__main__":
    main()
