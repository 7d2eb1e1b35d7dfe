"""POST /feedback, which turns answers into realised value, and GET /ledger, the page of what it all cost and was worth.

Knows no model: what the answers of a version were worth stands in the ledger. Read next: feedback.py, page.py.
"""
