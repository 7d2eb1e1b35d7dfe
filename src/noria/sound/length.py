"""How long the file of a sound lasts, by its head: nothing is decoded. Read next: reading.py."""

from __future__ import annotations

import io

from noria.errors import needs_extra
from noria.sound.file_end import UNKNOWN_LONG
from noria.types import Cost


def cost_of_sound(data: object) -> Cost:
    """Return how long the bytes of a file last, and how many samples of all channels that is; nothing where they are no
    sound, or do not say it: reading tells."""
    if not isinstance(data, bytes | bytearray):
        return Cost()
    try:
        import soundfile
    except ImportError as error:
        raise needs_extra("soundfile", "audio", "reading sounds") from error
    try:
        head = soundfile.info(io.BytesIO(bytes(data)))
    except (soundfile.LibsndfileError, ValueError):
        return Cost()
    if head.frames >= UNKNOWN_LONG:
        return Cost()
    return Cost(seconds=head.frames / head.samplerate, samples=head.frames * head.channels)
