"""The process that runs one model. Read in this order: process.py, engine.py, work.py, turns.py, ready.py."""
