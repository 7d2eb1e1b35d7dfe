"""What a way of asking is made of. Read first: operation.py; then service/dialects/, which holds those that there are."""
