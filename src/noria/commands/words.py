"""Arguments and options that mean the same in every command."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

Run = Annotated[Path, typer.Argument(help="a run folder, or a bundle")]
Json = Annotated[bool, typer.Option("--json", help="print machine-readable output")]
Engine = Annotated[
    Literal["torch", "openvino"] | None, typer.Option(help="what runs the network; default the job's evaluate.engine")
]
