"""Drift: what a model meets now beside what it was calibrated on, and what that changes in scores and in money."""
