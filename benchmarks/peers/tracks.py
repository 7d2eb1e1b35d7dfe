"""Tracks of one sequence by OC-SORT, ByteTrack and SORT of `trackers`. Run by benchmarks/tracking.py.

python tracks.py detections.npy FRAMES-A-SECOND out-folder

detections float[n, 6]: frame, left, top, right, bottom, confidence. Writes out-folder/NAME.npy, float[n, 6]: frame,
identity, left, top, right, bottom. The settings are the package's defaults.
"""

import sys
from pathlib import Path

import numpy as np
import supervision
from trackers import ByteTrackTracker, OCSORTTracker, SORTTracker

given, rate, out = np.load(sys.argv[1]), float(sys.argv[2]), Path(sys.argv[3])
for name, kind in {"OC-SORT": OCSORTTracker, "ByteTrack": ByteTrackTracker, "SORT": SORTTracker}.items():
    tracker, rows = kind(frame_rate=rate), []
    for frame in range(int(given[:, 0].min()), int(given[:, 0].max()) + 1):
        here = given[given[:, 0] == frame]
        found = tracker.update(
            supervision.Detections(xyxy=here[:, 1:5], confidence=here[:, 5], class_id=np.zeros(len(here), int))
        )
        if found.tracker_id is not None:
            ids = np.asarray(found.tracker_id)
            rows += [[frame, one, *box] for one, box in zip(ids, found.xyxy, strict=True) if one >= 0]
    np.save(out / f"{name}.npy", np.array(rows, np.float64).reshape(-1, 6))
