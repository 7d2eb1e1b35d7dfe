"""Which modality goes with which target: one file a task."""
