"""How long the file of a sound lasts, by its head: nothing is decoded. Read next: reading.py."""

from __future__ import annotations

import io

from noria.errors import needs_extra


def seconds_of(data: object) -> float | None:
    """Return how long the bytes of a file last; None where they are no sound, which reading it says better."""
    if not isinstance(data, bytes | bytearray):
        return None
    try:
        import soundfile
    except ImportError as error:
        raise needs_extra("soundfile", "audio", "reading sounds") from error
    try:
        head = soundfile.info(io.BytesIO(bytes(data)))
    except (soundfile.LibsndfileError, ValueError):
        return None
    return float(head.frames / head.samplerate)
