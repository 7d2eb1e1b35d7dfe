"""Whether each event of a history went right, each foretold from those before it alone.

target.py is the target, metrics.py scores it, logistic.py is the simple model beside it.
"""

from noria.targets.correctness.target import Correctness

__all__ = ["Correctness"]
