"""The models that are served, from the side of the process that listens. Read: models.py, replica.py, process.py."""
