"""What Noria costs before it works: seconds to import and to show help, the data path's share of a step, megabytes.

    python benchmarks/startup.py [--rounds 7] [--install]

--install builds an environment with the base dependencies alone (no extras) and weighs it, torch and its own left out.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
import tomllib

from measuring import ENVIRONMENTS, NORIA, ROOT, environment, machine, train

OF_TORCH = {"torch", "torchgen", "functorch", "sympy", "isympy.py", "networkx", "mpmath", "jinja2", "markupsafe"}
OF_TORCH |= {"fsspec", "filelock", "pip", "setuptools", "nvidia", "triton"}


def main() -> None:
    """Print one line a figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--install", action="store_true")
    arguments = parser.parse_args()
    print(machine())
    commands = {
        "python -c pass": [sys.executable, "-c", "pass"],
        "import noria": [sys.executable, "-c", "import noria"],
        "noria --help": [*NORIA, "--help"],
    }
    taken: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(arguments.rounds):
        for name, command in commands.items():
            start = time.perf_counter()
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            taken[name].append(time.perf_counter() - start)
    for name, seconds in taken.items():
        print(f"{name:<16} {statistics.median(seconds):.3f} s ({min(seconds):.3f}-{max(seconds):.3f})")
    files = ENVIRONMENTS.parent / "mnist" / "idx"
    if files.exists():  # benchmarks/digits.py writes them
        plan = train(ROOT / "benchmarks" / "jobs" / "digits-reference.yaml", 1, f"data.path={files}")["plan"]
        share = plan["data_seconds_per_step"] / plan["seconds_per_step"]  # type: ignore[index]
        print(f"data path        {share:.1%} of a step of {1000 * plan['seconds_per_step']:.1f} ms")  # type: ignore[index]
    if arguments.install:
        print(f"base install     {installed_megabytes():.0f} MB without torch and what torch itself brings")


def installed_megabytes() -> float:
    """Install Noria's base dependencies in a fresh environment and weigh them, in units of 10^6 bytes."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    python = environment("base", [one for one in project["dependencies"] if not one.startswith("torch")])
    packages = next((python.parents[1] / "lib").glob("python*/site-packages"))
    total = 0
    for path in packages.iterdir():
        name = path.name.split("-")[0].lower()
        if name not in OF_TORCH:
            files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
            total += sum(file.stat().st_size for file in files)
    return total / 1e6


if __name__ == "__main__":
    main()
