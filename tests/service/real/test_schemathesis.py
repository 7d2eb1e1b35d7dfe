"""schemathesis reads the OpenAPI document of a real server and asks all of it: what comes back is as the document says.

It is told nothing of Noria: from examples, from the edges of each schema, and at random.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

from service.clients import python_of
from service.real.conftest import KEY, TASKS
from service.server import SECONDS, Served

MODELS = {"text", "table"}  # of the paths that name a model, only theirs
# Not asked: that whatever is valid by the schema is taken, for a model knows more of its records than a schema says.
CHECKS = (
    *("not_a_server_error", "status_code_conformance", "content_type_conformance"),
    *("response_headers_conformance", "response_schema_conformance"),
)
# 501 says that Noria does not do what a protocol has, 503 that there is too much to do or a model is being changed.
CONFIG = '[checks]\nnot_a_server_error.expected-statuses = ["2xx", "3xx", "4xx", 501, 503]\n'
EXAMPLES = 3  # of each path at random; the edges of its schema come on top


NOT_ASKED = f"/(reload|try|promote)$|/({'|'.join(sorted(TASKS.keys() - MODELS))})(/|$)"  # the first load a model anew


def test_every_answer_is_as_the_document_says(server: Served, tmp_path: Path) -> None:
    python = python_of("schemathesis")
    (tmp_path / "schemathesis.toml").write_text(CONFIG)
    # Its script names the interpreter of the folder in which the environment was made, which was renamed since.
    words = [str(python), str(python.with_name("schemathesis")), "--config-file", "schemathesis.toml", "run"]
    words += [f"{server.url}/openapi.json", "--header", f"Authorization: Bearer {KEY}", "--checks", ",".join(CHECKS)]
    words += ["--phases", "examples,coverage,fuzzing", "--max-examples", str(EXAMPLES), "--continue-on-failure"]
    words += ["--exclude-path-regex", NOT_ASKED, "--seed", "1"]
    asked = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert asked.returncode == 0, asked.stdout + asked.stderr
    assert "Tested: " in asked.stdout
