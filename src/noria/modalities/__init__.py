"""What each kind of raw value is and how it becomes tokens: one file a modality."""
