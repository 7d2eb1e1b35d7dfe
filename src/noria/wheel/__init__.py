"""The wheel: what a model meets in service beside what it was calibrated on, and what is done where that differs."""
