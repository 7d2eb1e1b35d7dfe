"""A video in, and out with the answers drawn on its frames; or tracks, where another run finds the boxes in them.

Some frames at a time, never all in memory. A video is a file that PyAV reads, or a folder of pictures in order of name.
Which answers belong to a frame: those of the frame itself, or, of a sequence, those that name it. Knows no task.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from noria.contract import dispatch
from noria.errors import UserError, needs_extra
from noria.pipeline.predictor import Predictor, load
from noria.sources.core.walk import Walk
from noria.store.disk import FULL, whole_file
from noria.types import Prediction
from noria.vision.pictures import read_picture

FILMS = (".mp4", ".mkv", ".mov", ".avi")
RATE_HZ = 25  # of pictures in a folder, which say nothing of time
FRAMES = 16  # that are in memory and answered at once: 16 of 3840 x 2160 pixels are 400 MB
_CODECS = ("libx264", "mpeg4")

Frame = tuple[np.ndarray, float]  # a picture as shown, and its seconds from the beginning


def is_film(path: Path) -> bool:
    """Say whether a path names a video that can be written."""
    return path.suffix.lower() in FILMS


def write_film(run: Path, path: Path, out: Path, detector: Path | None = None, engine: str | None = None) -> str:
    """Answer a video; write it with the answers drawn, or the whole answer in a format of its own (tracks.txt).

    With a detector, what it finds in the frames is the record that `run` answers; else each frame is one.
    """
    predictor = load(run, engine=engine)
    if not path.exists():
        raise UserError("there is no such file or folder", where=str(path))
    if detector is not None:
        whole = _sequence(predictor, load(detector), path)
        if not is_film(out):
            return _write_answer(predictor, whole, out)
        by_frame: dict[int, list[Mapping[str, Any]]] = {}
        for one in whole:
            by_frame.setdefault(one["frame"], []).append(one)
    field = _picture_field(predictor)
    target, state = predictor.task.target, predictor.states["target"]

    def drawn() -> Iterator[Frame]:
        answered = _answered(predictor, field, path) if detector is None else _beside(by_frame, path)
        for picture, seconds, answer in answered:
            with_answer = dispatch.render(target, picture, answer, state)
            if with_answer is None:
                raise UserError("answers of this kind cannot be drawn", where=str(out))
            yield _without_legend(with_answer, picture), seconds

    count = write_frames(drawn(), out)
    return f"drew answers on {count} frames into {out}"


def _answered(predictor: Predictor, field: str, path: Path) -> Iterator[tuple[np.ndarray, float, Any]]:
    """Yield each frame, its seconds and the answer to it; some frames are answered together."""
    shown = frames(path)
    while some := list(islice(shown, min(FRAMES, predictor.batch_size))):
        answers = predictor.predict([{field: picture} for picture, _ in some])
        yield from ((*frame, answer.value) for frame, answer in zip(some, answers, strict=True))


def _beside(by_frame: Mapping[int, Any], path: Path) -> Iterator[tuple[np.ndarray, float, Any]]:
    """Yield each frame, its seconds and what was found in it before."""
    yield from ((*frame, by_frame.get(number, [])) for number, frame in enumerate(frames(path), 1))


def _write_answer(predictor: Predictor, whole: list[Mapping[str, Any]], out: Path) -> str:
    data = dispatch.export(predictor.task.target, Prediction(whole), out.suffix.lower())
    if data is None:
        expected = f".txt, or {', '.join(FILMS)}"
        raise UserError("cannot write the answer to a video so", where=str(out), expected=expected)
    with whole_file(out) as file:
        file.write_bytes(data)
    return f"wrote the answer to {out}"


def frames(path: Path) -> Iterator[Frame]:
    """Yield the frames of a video file, or the pictures of a folder."""
    if path.is_dir():
        for number, name in enumerate(Walk(path)):
            try:
                yield read_picture((path / name).read_bytes()), number / RATE_HZ
            except ValueError as error:
                raise UserError(str(error), where=str(path / name)) from None
        return
    av = _av()
    try:
        with av.open(str(path)) as container:
            if not container.streams.video:
                raise UserError("holds no moving picture", where=str(path))
            stream = container.streams.video[0]
            rate = float(stream.average_rate or RATE_HZ)
            for number, frame in enumerate(container.decode(stream)):
                turned = np.rot90(frame.to_ndarray(format="rgb24"), round(getattr(frame, "rotation", 0) / 90))
                yield np.ascontiguousarray(turned), number / rate if frame.time is None else float(frame.time)
    except av.error.FFmpegError as error:
        raise UserError("the video cannot be read", where=str(path), found=str(error)) from error


def write_frames(pictures: Iterator[Frame], out: Path) -> int:
    """Write pictures of one size as a video, each shown from its own second on; return how many."""
    av = _av()
    count, stream = 0, None
    with whole_file(out) as temporary, _plain_film_errors(av, out), av.open(str(temporary), "w") as container:
        for picture, seconds in pictures:
            count += 1
            height, width = (side - side % 2 for side in picture.shape[:2])  # what codecs of video can hold
            if stream is None:
                stream = _stream(av, container, height, width)
                first = seconds
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture[:height, :width]), format="rgb24")
            frame.pts, frame.time_base = round((seconds - first) * 1000), Fraction(1, 1000)
            container.mux(stream.encode(frame))
        if stream is None:
            raise UserError("the video has no frame", where=str(out))
        container.mux(stream.encode())
    return count


@contextmanager
def _plain_film_errors(av: Any, out: Path) -> Iterator[None]:
    """Turn what PyAV raises in writing into a UserError; a full disk stays one."""
    try:
        yield
    except av.error.FFmpegError as error:
        if error.errno in FULL:
            raise OSError(error.errno, error.strerror) from error
        raise UserError("the video cannot be written", where=str(out), found=str(error)) from error


def _stream(av: Any, container: Any, height: int, width: int) -> Any:
    codec = next(one for one in _CODECS if one in av.codecs_available)
    stream = container.add_stream(codec, rate=RATE_HZ)
    stream.height, stream.width, stream.pix_fmt = height, width, "yuv420p"
    stream.codec_context.time_base = Fraction(1, 1000)
    return stream


def _sequence(predictor: Predictor, detector: Predictor, path: Path) -> list[Mapping[str, Any]]:
    """Return the answer to what a detector finds in all frames; nothing where it finds nothing."""
    field, whole = _picture_field(detector), [*predictor.task.inputs]
    found = []
    for number, (_, _, answer) in enumerate(_answered(detector, field, path), 1):
        for one in answer:
            if not isinstance(one, Mapping) or "box" not in one:
                raise UserError("finds no boxes", where=f"--detector {detector.bundle.path}")
            found.append({"frame": number, "box": one["box"], "confidence": one.get("confidence", 1.0)})
    if not found:
        return []
    value = predictor.predict([{whole[0]: found}])[0].value
    if not isinstance(value, list) or any("frame" not in one for one in value):
        raise UserError("does not answer sequences", where=f"run {predictor.bundle.path}")
    return value


def _picture_field(predictor: Predictor) -> str:
    found = [name for name, modality in predictor.task.inputs.items() if modality.raw_type == "file"]
    if len(found) != 1:
        raise UserError("answers no single pictures", where=f"run {predictor.bundle.path}")
    return found[0]


def _without_legend(drawn: np.ndarray, picture: np.ndarray) -> np.ndarray:
    """Return a drawn picture without what stands below: frames of a video are of one size."""
    height, width = picture.shape[:2]
    return drawn[: height * (drawn.shape[1] // width)]


def _av() -> Any:
    try:
        import av
    except ImportError as error:
        raise needs_extra("av", "video", "reading and writing videos") from error
    return av
