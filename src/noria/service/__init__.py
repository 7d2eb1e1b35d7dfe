"""The HTTP service around a bundle."""
