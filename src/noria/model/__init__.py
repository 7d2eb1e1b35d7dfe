"""The networks: embedder, trunk, head, and how they are assembled."""
