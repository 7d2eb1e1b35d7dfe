"""What files are called and hold."""

from __future__ import annotations

WRONG = {
    "too long": [("stages.train", "x = 1\n" * 401)],
    "empty names": [
        (name, "") for name in ("stages.utils", "model.base", "common", "sources.csv_helpers", "job_v2", "misc.a")
    ],
    "relative imports": [("stages.train", "from . import b"), ("stages.train", "def f():\n    from ..a import b")],
    "prints": [("stages.train", "print(1)"), ("stages.train", "def f():\n    sys.stdout.write('a')")],
    "evaluates": [
        ("stages.train", "eval(x)"),
        ("stages.train", "pickle.load(file)"),
        ("stages.train", "torch.load(path)"),
        ("stages.train", "torch.load(path, weights_only=False)"),
        ("stages.train", "yaml.load(x, weights_only=True)"),
    ],
    "without docstring": [("stages.train", '"""A file."""\ndef public(): pass'), ("stages.train", "x = 1")],
    "stale paths": [("stages.train", '"""Read next: loop.py."""'), ("stages.train", "# as in training/nothing.py")],
}
RIGHT = {
    "too long": [("stages.train", "x = 1\n" * 400)],
    "empty names": [("model.baseline", ""), ("stages.command", "")],
    "relative imports": [("stages.train", "from noria.a import b")],
    "prints": [("cli", "print(1)"), ("stages.train", "file.write('a')")],
    "evaluates": [("stages.train", "model.eval()"), ("stages.train", "torch.load(path, weights_only=True)")],
    "without docstring": [("stages.train", '"""A file."""\ndef _private(): pass')],
    "stale paths": [("stages.train", '"""Read next: prepare.py, training/loop.py, benchmarks/digits.py."""')],
}
