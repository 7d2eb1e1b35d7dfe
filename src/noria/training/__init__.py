"""Training: plan, loop, step, sampler, optimisers, loggers, signals. Read next: plan.py, loop.py."""
