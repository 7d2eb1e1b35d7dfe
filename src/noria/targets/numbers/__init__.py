"""Several numbers at once, each of which may be missing: what is measured of one sample.

target.py is the target, answers.py reads what stands in the data, metrics.py scores it.
"""

from noria.targets.numbers.target import Numbers, means

__all__ = ["Numbers", "means"]
