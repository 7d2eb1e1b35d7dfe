"""The HTTP service around any number of bundles.

Read in this order: serve.py (the process), app.py (the routes), answer.py; then the rooms: request (what is read),
door (who may), asking and dialects (how it is asked), engine (a model's process), fleet (all of them), watch, page.
"""
