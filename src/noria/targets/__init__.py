"""What each kind of answer is, its loss and its scores: one file a target."""
