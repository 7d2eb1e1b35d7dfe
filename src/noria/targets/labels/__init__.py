"""Several yes/no answers at once, each of which may be missing: topics of a text, what a molecule does.

target.py is the target, answers.py reads what stands in the data, calibration.py makes probabilities of outputs,
metrics.py scores them.
"""

from noria.targets.labels.target import Labels, base_rates

__all__ = ["Labels", "base_rates"]
