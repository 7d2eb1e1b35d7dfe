"""Checkpoints of Hugging Face and GGUF as a trunk. Read next: files.py, trunk.py."""
