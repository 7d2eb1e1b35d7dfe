"""The names of a history's encoded arrays, for whoever reads them beside the modality; how time is told in steps."""

import numpy as np

ITEMS = "items"  # Ragged int32, events in order; the catalogue's size for an item that it does not have
GAPS, LEVELS = "gaps", "levels"  # Ragged uint8, of each event: the time since the one before, the rating; 0 not known
USER = "user"  # Ragged int32, attributes of who it is
SEEN = "seen"  # Ragged int32, the items of all events of the history in order, those too that the network does not read
ONLY, WITHOUT = "only", "without"  # Ragged int32, items that alone may be answered, and that may not
HAS_ONLY = "has_only"  # uint8[n], whether the former is said

# Bounds in seconds between which the time since the event before is one step: at once, minutes, hours, days, months.
GAPS_S = np.array([0.5, 60, 600, 3600, 6 * 3600, 86400, 3 * 86400, 7 * 86400, 30 * 86400, 180 * 86400])
NUM_GAPS = len(GAPS_S) + 2  # 0 stands for one that is not known
