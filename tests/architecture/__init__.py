"""The house as it was drawn, as rules that a program can check.

Each rule is a function over one parsed file or over all imports; the tests show that it sees a small wrong sample, and
hold the tree to it. What is wrong today is listed in known.yaml, exactly, and the list only gets shorter.
`python tests/architecture` prints the figures, `python tests/architecture --write` brings known.yaml up to date.
Read next: layers.py (the one list to edit when a part is added or moved), known.py.
"""
