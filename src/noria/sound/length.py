"""How long the file of a sound lasts, by its head: nothing is decoded. Read next: reading.py."""

from __future__ import annotations

import io

from noria.errors import needs_extra
from noria.sound.file_end import UNKNOWN_LONG


def seconds_of(data: object) -> float | None:
    """Return how long the bytes of a file last; None where they are no sound, or do not say it: reading tells."""
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
    return None if head.frames >= UNKNOWN_LONG else float(head.frames / head.samplerate)
