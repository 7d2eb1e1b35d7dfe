"""Answers written token by token: sampling, beams, constraints, stop texts. Read next: generate.py."""
