"""The names of a picture's encoded arrays, for whoever reads them beside the modality."""

PIXELS = "pixels"  # uint8[n, H, W, C], in the size that the network takes
SIZE = "size"  # int[n, 2], height and width of the picture itself, where it is kept
TILES = "tiles"  # Ragged uint8[n, T, H, W, C], of pictures that are cut: see tile_batches.py
PLACES = "places"  # Ragged int[n, T, 4], where each tile lies
