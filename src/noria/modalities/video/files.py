"""Moving pictures from files: frames evenly spread over the time that a clip takes, whatever its frame rate does.

A clip is the bytes of a video, an array [frames, height, width(, 3)], the bytes of such an array as .npy, or a list of
pictures. Decoding is strict: only video formats, no broken packet, no bombs. One pass over the packets tells the times,
one decodes. Knows no modality. Read next: vision/pictures.py.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from noria.columns.array_file import MARK, read_array
from noria.errors import needs_extra
from noria.types import Cost
from noria.vision.pictures import MAX_PIXELS, read_picture

# Demuxers that may read a stranger's bytes: none that opens other files (playlists), none that takes text for a video.
FORMATS = "mov,mp4,m4a,3gp,3g2,mj2,avi,matroska,webm,gif,apng,mpegts,mpeg,flv,asf,ogg,m4v,webp_anim"
Read = Callable[[Any], np.ndarray]  # one picture of a clip that comes as pictures
MAX_FRAMES = 100_000  # about an hour at 25 a second
MOST_GROWTH = 1_000_000_000  # pixels of all frames beyond what the head says that they have: 3 seconds of decoding
LEAST_SHARE = 0.8  # of the time that a file says it takes; with less it was cut off
USUAL_RATE_HZ = 25.0  # where a file does not say how long its only frame is shown


@dataclass(frozen=True)
class Clip:
    """Frames, uint8[height, width] or [height, width, 3] each; how many there are in all, and how long they take, where
    the clip says so."""

    frames: list[np.ndarray]
    count: int
    seconds: float | None


def read_clip(value: Any, count: int, read: Read = read_picture) -> Clip:
    """Return `count` frames in the middles of equal stretches of time; raise ValueError with a plain reason.

    `read` is what becomes of the pictures of a clip that is no video.
    """
    if isinstance(value, bytes | bytearray) and not value.startswith(MARK):
        return _of_video(bytes(value), count)
    if isinstance(value, bytes | bytearray):
        value = read_array(value)
    if isinstance(value, np.ndarray) and (value.ndim not in (3, 4) or 0 in value.shape):
        raise ValueError(
            f"an array of shape {value.shape} is no clip of shape [frames, height, width] or [.., .., .., 3]"
        )
    if not isinstance(value, np.ndarray | list | tuple):
        raise ValueError(f"not a clip but {type(value).__name__}")
    if not len(value):
        raise ValueError("the clip has no frame")
    frames = [_frame(value, int(place), read) for place in (np.arange(count) + 0.5) * len(value) / count]
    return Clip(frames, len(value), None)


def cost_of_clip(value: Any) -> Cost:
    """Return what it takes to decode a clip, by its packets, which are not decoded; nothing where it is broken."""
    if not isinstance(value, bytes | bytearray) or value.startswith(MARK):
        return Cost()
    try:
        container, stream = _opened(bytes(value))
        with container:
            side = stream.codec_context.width * stream.codec_context.height or MAX_PIXELS
            count = sum(1 for packet in container.demux(stream) if packet.size)
    except (ValueError, OSError):  # FFmpeg's own errors are one or the other
        return Cost()
    return Cost(frames=count, frame_pixels=count * side)


def _frame(pictures: Sequence[Any] | np.ndarray, place: int, read: Read) -> np.ndarray:
    try:
        return read(pictures[place])
    except ValueError as error:
        raise ValueError(f"frame {place + 1}: {error}") from None


def _of_video(data: bytes, count: int) -> Clip:
    try:
        import av
    except ImportError as error:
        raise needs_extra("av", "video", "reading videos") from error
    if not data:
        raise ValueError("the file is empty")
    if data.startswith(b"GIF8") and not data.rstrip(b"\0").endswith(b";"):
        raise ValueError("the video breaks off: a GIF ends with a semicolon")
    try:
        packets, start, end = _extent(data)
        moments = start + (np.arange(count) + 0.5) / count * (end - start)
        return Clip(_picked(data, moments), packets, end - start)
    except av.error.FFmpegError as error:
        raise ValueError(f"the video is broken: {error.strerror}") from None


def _opened(data: bytes) -> tuple[Any, Any]:
    """Return a container and its stream of pictures."""
    import av

    try:
        container: Any = av.open(io.BytesIO(data), options={"format_whitelist": FORMATS})
    except av.error.FFmpegError:
        raise ValueError("no whole video in a known format: mp4, avi, webm, mkv, mpeg, gif") from None
    moving = [one for one in container.streams.video if "attached_pic" not in str(one.disposition).lower()]
    if not moving:
        kinds = {stream.type for stream in container.streams}
        container.close()
        raise ValueError(f"the file holds no moving picture, only {', '.join(sorted(kinds)) or 'nothing'}")
    stream = moving[0]
    if stream.codec_context is None:
        container.close()
        raise ValueError("the video is of a kind that cannot be decoded")
    stream.codec_context.thread_count = 1
    _check_size(stream.codec_context.width, stream.codec_context.height)
    return container, stream


def _check_size(width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise ValueError(f"the video is too large: {width} x {height} pixels, at most {MAX_PIXELS} are read")


def _extent(data: bytes) -> tuple[int, float, float]:
    """Return how many frames there are, when the first begins and the last ends, in seconds, by the packets."""
    container, stream = _opened(data)
    times: list[float] = []
    last = 0.0
    with container:
        for packet in container.demux(stream):
            if not packet.size:
                continue  # the sign to empty the decoder
            if packet.is_corrupt:
                raise ValueError(f"the video breaks off: packet {len(times) + 1} is not whole")
            stamp = packet.pts if packet.pts is not None else packet.dts
            times.append(float(stamp * packet.time_base) if stamp is not None else np.nan)
            last = float((packet.duration or 0) * packet.time_base)
            if len(times) > MAX_FRAMES:
                raise ValueError(f"the video is too long: at most {MAX_FRAMES} frames are read")
        rate, stated = float(stream.average_rate or USUAL_RATE_HZ), _stated_seconds(container, stream)
    if not times:
        raise ValueError("the video has no frame")
    is_timed = not np.isnan(times).any()
    start, end = (min(times), max(times) + (last or 1 / rate)) if is_timed else (0.0, len(times) / rate)
    if max(end, end - start) + 2 / rate < LEAST_SHARE * stated:  # some count from the first frame, some from zero
        raise ValueError(f"the video breaks off: it holds {end - start:.2f} of {stated:.2f} seconds")
    return len(times), start, end


def _stated_seconds(container: Any, stream: Any) -> float:
    """Return how long the file says that its pictures take; 0 where it does not say."""
    if stream.duration is not None:
        return float(stream.duration * stream.time_base)
    return 0.0 if container.duration is None or len(container.streams) > 1 else float(container.duration) / 1e6


def _picked(data: bytes, moments: np.ndarray) -> list[np.ndarray]:
    """Return the frame that is shown at each of some moments, which ascend."""
    found: list[np.ndarray] = []
    shown: Any = None
    container, stream = _opened(data)
    with container:
        rate = float(stream.average_rate or USUAL_RATE_HZ)
        for number, frame in enumerate(_decoded(container, stream)):
            time = number / rate if frame.time is None else frame.time
            if shown is not None:
                found += _shown(shown, int((moments[len(found) :] < time).sum()))
            shown = frame
    if shown is None:
        raise ValueError("no frame of the video can be decoded")
    return found + _shown(shown, len(moments) - len(found))


def _decoded(container: Any, stream: Any) -> Iterator[Any]:
    import av

    said, grown = stream.codec_context.width * stream.codec_context.height, 0
    for number, packet in enumerate(container.demux(stream)):
        try:
            frames = packet.decode()
        except av.error.FFmpegError as error:
            raise ValueError(f"the video is broken: packet {number + 1} cannot be decoded: {error.strerror}") from None
        for frame in frames:
            if getattr(frame, "is_corrupt", False):
                raise ValueError(f"the video is broken: packet {number + 1} does not give a whole frame")
            _check_size(frame.width, frame.height)
            grown += max(0, frame.width * frame.height - said)
            if grown > MOST_GROWTH:
                raise ValueError("the video is too large: its frames are larger than its head says")
            yield frame


def _shown(frame: Any, times: int) -> list[np.ndarray]:
    """Return a frame as a person holds it, upright, so many times; nothing is converted for none."""
    if not times:
        return []
    is_grey = frame.format.name in ("gray", "gray8", "monob", "monow")
    pixels = np.asarray(frame.to_ndarray(format="gray" if is_grey else "rgb24"))
    turned = np.rot90(pixels, round(getattr(frame, "rotation", 0) / 90))
    return [np.ascontiguousarray(turned)] * times
