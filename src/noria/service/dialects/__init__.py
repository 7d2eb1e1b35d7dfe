"""The ways of asking that clients know: each turns a request into records and answers into a reply, and nothing more.

A dialect is a file or a folder here that has OPERATIONS, and LOOKUPS; a line in `all.py` makes it known.
Read first: noria.py; the room `asking` says what one is made of.
"""
