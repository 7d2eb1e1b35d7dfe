"""Several numbers at once, each of which may be missing: what is measured of one sample.

target.py is the target, answers.py reads what stands in the data, metrics.py scores it.
"""

from noria.targets.measurements.target import Measurements, means

__all__ = ["Measurements", "means"]
