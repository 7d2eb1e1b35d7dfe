"""The parts of a block: attention and its mask, positions, caches, linear layers. Read next: attention_context.py."""
