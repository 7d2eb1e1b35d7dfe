"""What a client sent, made into records, and what it is told: known to all of the service, knowing none of it.

Read in this order: limits.py, http_error.py, exchange.py, inputs.py, records.py.
"""
