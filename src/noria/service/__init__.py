"""The HTTP service around a bundle. Read in this order: serve.py (the process), app.py (the routes), records.py."""
