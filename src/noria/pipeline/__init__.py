"""The one way from rows to answers: fields, encoding, the assembled model, the predictor. Read next: predictor.py."""
