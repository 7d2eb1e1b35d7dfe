"""How much a client may ask for. Every number is counted while it comes in, never believed from a header."""

from __future__ import annotations

from dataclasses import dataclass

MIB = 1 << 20


@dataclass(frozen=True)
class Limits:
    """What one request, and all of them together, may use; a larger one is refused with 413, a later one with 503."""

    body_bytes: int = 32 * MIB  # a photograph of 24 MiB as base64; of a packed body, what is unpacked
    body_seconds: float = 30.0  # from the headers to the last byte: 9 Mbit/s for the largest body
    stall_seconds: float = 10.0  # without any byte of a body that is not whole
    silent_seconds: float = 10.0  # without the first byte of a request; kept-alive connections are closed earlier
    head_seconds: float = 10.0  # from the first byte of a request to the end of its headers
    unread_seconds: float = 30.0  # that a client may let its answer lie
    held_bytes: int = 256 * MIB  # the bodies of all requests that are not answered yet
    waiting: int = 64  # requests that wait behind the one in the model
    connections: int = 1000  # open ones; fewer where the process may not open so many files
    records: int = 1024
    json_depth: int = 16  # {"records": [{"table": {"column": [..]}}]} is 5
    json_values: int = 500_000  # names count too: 1024 records of 240 columns
    form_files: int = 1024
    form_fields: int = 10_000  # 100 records of 100 columns
    part_bytes: int = 32 * MIB
    file_bytes: int = 200 * MIB  # of the requests of a batch, as OpenAI has it; so are its lines
    file_lines: int = 50_000
    stored_bytes: int = 10 * 1024 * MIB  # of all files of one key
    answer_tokens: int = 4096  # of an answer given piece by piece; it holds a cache for all of them
    streams: int = 16  # answers that are written at a time, side by side
    answer_seconds: float = 60.0  # from the request to its answer; of a written one, to its first piece
    batch_seconds: float = 0.2  # of records that are answered together, as measured
    writing_seconds: float = 600.0  # of one answer that is written token by token
    hang_seconds: float = 120.0  # without an answer from the model, not even to the server's own: it is started anew
    start_seconds: float = 300.0  # from the start of a model's process until it has answered its first record
    # What all values of one request come to when they are decoded, whatever they are packed into:
    seconds: float = 3600.0  # of sound
    samples: int = 400_000_000  # of sound, of all channels: an hour in stereo at 48 kHz
    pixels: int = 150_000_000  # of pictures: twelve photographs of 12 megapixels, or a second of decoding
    frames: int = 4096  # of videos, which are all decoded to find the few that are looked at
    frame_pixels: int = 1_000_000_000  # of all frames of videos: half a minute at 1,280 x 720
    characters: int = 2_000_000  # of texts: 1,024 pages; a tokenizer takes two microseconds for one
