"""What a way of asking is made of. Read first: operation.py; those that there are stand beside, in dialects."""
