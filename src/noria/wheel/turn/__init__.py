"""A turn of the wheel, step by step: assess, decide, collect, train, compare, approve, canary, promote.

Read next: turn.py, turns.py.
"""
