"""What is imported, and when: nothing heavy before it is used, nothing foreign for a picture job."""

from __future__ import annotations

import subprocess
import sys

import pytest

import noria
from architecture import known, training
from architecture.rules import FORMATS_LOADED, found
from architecture.tree import files


def test_a_picture_job_loads_no_reader_of_another_format_than_is_known():
    said = known.differences(FORMATS_LOADED, found()[FORMATS_LOADED], known.known().get(FORMATS_LOADED, {}))
    assert not said, "\n".join(["", *said])


def test_the_training_that_was_looked_at_was_one():
    assert {"job", "stages.train"} <= {name for name in training.loaded().ours if name in files()}
    assert 0 < training.loaded().share_of_lines < 1
    assert training.loaded().in_all > len(training.loaded().ours)


def test_each_foreign_format_has_a_reader():
    readers = {name.split(".")[-1] for name in files() if name.startswith("sources.")}
    assert set(training.FOREIGN_FORMATS) <= readers, "a reader was renamed: name it in FOREIGN_FORMATS, training.py"


def test_a_foreign_reader_is_seen():
    assert training.foreign(["sources.conll", "sources.formats.mot", "sources.folder"]) == [
        "sources.conll",
        "sources.formats.mot",
    ]


@pytest.mark.parametrize(
    "module", ["noria", "noria.cli", "noria.job.schema", "noria.contract.core", "noria.sources", "noria.checks"]
)
def test_importing_it_does_not_import_torch(module: str):
    code = f"import sys, {module}; sys.exit('torch' in sys.modules or 'sklearn' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=120).returncode == 0


def test_every_verb_of_the_package_is_there():
    for verb in noria.__all__:
        assert getattr(noria, verb) is not None
    with pytest.raises(AttributeError, match="no attribute 'trian'"):
        _ = noria.trian
