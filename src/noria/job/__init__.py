"""The job file: one YAML that says task, data, model, training and evaluation. Read next: schema.py, load.py."""

from noria.job.load import load_job, merge, shipped_jobs
from noria.job.schema import BUDGETS, Evaluate, Job, Model, Range, Train, Tune

__all__ = ["BUDGETS", "Evaluate", "Job", "Model", "Range", "Train", "Tune", "load_job", "merge", "shipped_jobs"]
