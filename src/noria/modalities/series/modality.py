"""Series: vectors that follow one another in time, of joints or sensors; normalised, embedded by convolutions in time.

A value is an array or lists [T, C], or the bytes of a file of numbers: text with a row a line, JSON or .npy. Reading is
strict: what is no finite number, or of another width than training showed, is refused. Read next:
modalities/series/embedder.py.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from noria.columns.array_file import MARK, read_array
from noria.contract import Modality
from noria.contract.capabilities import Attributable, Augments, Displays, TellsReading, Vectorizes, WarmStarts
from noria.errors import UserError, first_reason
from noria.modalities.series.reading import MOST_LINES, lines_of, panel_of
from noria.modalities.series.settings import SeriesSettings
from noria.types import Arrays, Encoded, Panel, Ragged, Span, State, Values

if TYPE_CHECKING:
    from torch import Tensor, nn

MAX_NUMBERS = 50_000_000  # of one value: 200 MB
DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+(?:[eE][+-]?\d+)?")
MOST_USUAL, TIMES_WILD = 0.99, 1_000.0  # nearly all numbers; so many times as far off, one is no measurement
SIDE = 112  # pixels of the picture that a person sees


@dataclass(frozen=True)
class Series(SeriesSettings, Modality, WarmStarts, Augments, Displays, Attributable, TellsReading, Vectorizes):
    """Frames of numbers, in time. Arrays: `values` float32 Ragged[T, C], normalised, and `frames` Ragged int, 0 to
    T - 1; with `length`, `values` float32[n, length, C] alone.
    """

    kind: ClassVar[str] = "series"
    raw_type: ClassVar[Literal["file"]] = "file"
    num_fit_records: ClassVar[int] = 5_000
    has_templates: ClassVar[bool] = True

    def fit(self, values: Values) -> State:
        found = []
        for value in _listed(values):
            try:
                found.append(self._placed(read_series(value, self)))
            except ValueError:
                continue  # `encode` meets it again and says why
        if not found:
            reason = first_reason(_listed(values), lambda one: read_series(one, self))
            raise UserError("no training series can be read", found=reason)
        channels = Counter(frames.shape[1] for frames in found).most_common(1)[0][0]
        known = [frames.astype(np.float64) for frames in found if frames.shape[1] == channels]
        if self.dimensions is not None and channels % self.dimensions:
            raise UserError(
                f"{channels} numbers a frame are no points of {self.dimensions} coordinates",
                where="inputs.series.dimensions",
            )
        group = self.dimensions or channels  # points share the mean and spread of each coordinate
        steps = np.concatenate([np.diff(frames, axis=0) for frames in known]).reshape(-1, group)
        frames = np.concatenate(known).reshape(-1, group)
        spread = _positive(frames.std(0))
        speed = _positive(steps.std(0) / spread) if len(steps) else np.ones(group)
        return {
            "channels": channels,
            "mean": _repeated(frames.mean(0), channels),
            "spread": _repeated(spread, channels),
            "speed": _repeated(speed, channels),
            **_wild(frames),
        }

    def warm_start(self, state: State) -> State | None:
        return state

    def encode(self, values: Values, state: State) -> Encoded:
        channels, rows, bad = state["channels"], [], {}
        mean, spread = (np.asarray(state[name], np.float32) for name in ("mean", "spread"))
        listed = _listed(values)
        for i, value in enumerate(listed):
            try:
                frames = self._placed(read_series(value, self))
                if frames.shape[1] != channels:
                    raise ValueError(f"{frames.shape[1]} numbers a frame; the training series have {channels}")
                rows.append((frames - mean) / spread)
            except ValueError as error:
                bad[i] = str(error)
                rows.append(np.zeros((self.length or 0, channels), np.float32))
        if self.length is not None:
            return Encoded({"values": np.array(rows, np.float32).reshape(len(rows), self.length, channels)}, bad)
        lengths = np.array([len(row) for row in rows], np.int64)
        offsets = np.concatenate([np.zeros(1, np.int64), lengths.cumsum()])
        places = np.arange(offsets[-1]) - np.repeat(offsets[:-1], lengths)
        joined = np.concatenate([np.zeros((0, channels), np.float32), *rows])
        return Encoded({"values": Ragged(joined, offsets), "frames": Ragged(places.astype(np.uint16), offsets)}, bad)

    def display(self, arrays: Arrays, state: State) -> np.ndarray | Panel:
        """Return a line a channel; of points a picture of their ways, the later the brighter, a dot at the end; of many
        channels a picture with a row for each, time to the right."""
        values = np.asarray(arrays["values"], np.float32)
        values = values * np.asarray(state["spread"]) + np.asarray(state["mean"])
        has_lines = self.dimensions in (None, 1) and values.shape[1] <= MOST_LINES
        return lines_of(values, None if self.length else self.rate_hz) if has_lines else _drawn(values, self.dimensions)

    def augment(self, arrays: dict[str, Tensor]) -> dict[str, Tensor]:
        from noria.modalities.series.embedder import augment

        return augment(arrays, self)

    def embedder(self, state: State, width: int) -> nn.Module:
        from noria.modalities.series.embedder import SeriesEmbedder

        return SeriesEmbedder(self, state, width)

    def vectorizer(self, state: State) -> nn.Module:
        from noria.modalities.series.vectorizer import SeriesVectorizer

        return SeriesVectorizer(state["channels"])

    def spans(self, value: Any, state: State) -> list[Span]:
        from noria.modalities.series.embedder import pooled_length, stride

        frames = min(len(read_series(value, self)), self.max_length)
        known = self.length or frames
        count = 1 if self.pooling == "max" else pooled_length(known, self)
        step = known if self.pooling == "max" else stride(self)
        edges = [min(i * step, known) * frames / known for i in range(count + 1)]
        if self.rate_hz is not None:
            edges = [edge / self.rate_hz for edge in edges]
        unit = "frames" if self.rate_hz is None else "seconds"
        names = self.names_of_points(state) if self.apart else [""]
        return [Span(unit, start, end, name) for start, end in pairwise(edges) for name in names]

    def reading(self, state: State) -> Panel:
        return panel_of(self, state)

    def remarks(self, state: State) -> list[str]:
        if "wild" not in state:
            return []
        largest, usual = state["wild"]
        return [
            f"numbers up to {largest:.4g} stand among numbers of which nearly all are below {usual:,.3g}: where they "
            "say that nothing was measured, inputs.series.valid=[LOWEST, HIGHEST] makes them gaps"
        ]

    def _placed(self, frames: np.ndarray) -> np.ndarray:
        """Cut, centre and resample the frames of one series, float32[T, C]."""
        frames = frames[: self.max_length]
        if self.center is not None and self.dimensions is not None and frames.shape[1] % self.dimensions == 0:
            points = frames.reshape(len(frames), -1, self.dimensions)
            mean = points.mean(1 if self.center == "frame" else (0, 1), dtype=np.float64, keepdims=True)
            frames = np.asarray(points - mean, np.float32).reshape(frames.shape)
        return frames if self.length is None else _resampled(frames, self.length)


def read_series(value: Any, settings: SeriesSettings) -> np.ndarray:
    """Return the frames of one raw value, float32[T, C]; raise ValueError with a plain reason."""
    if isinstance(value, bytes | bytearray):
        value = _from_bytes(bytes(value))
    if not isinstance(value, np.ndarray | list | tuple):
        raise ValueError(f"not a series but {type(value).__name__}")
    if (value.size if isinstance(value, np.ndarray) else len(value)) == 0:
        raise ValueError("the series is empty")
    numbers = _numbers(value)
    if numbers.size > MAX_NUMBERS:
        raise ValueError(f"the series is too long: {numbers.size} numbers, at most {MAX_NUMBERS} are read")
    if settings.valid is not None:
        return _filled(_framed(numbers, settings), settings.valid)
    if not np.isfinite(numbers).all():
        row = int(np.argwhere(~np.isfinite(numbers.reshape(len(numbers), -1)))[0, 0])
        raise ValueError(f"row {row + 1} holds a number that is missing or not finite")
    return _framed(numbers, settings)


def _filled(frames: np.ndarray, valid: tuple[float, float]) -> np.ndarray:
    """Fill what is not between the bounds by going straight from the last good number to the next one."""
    is_gap = ~((frames >= valid[0]) & (frames <= valid[1]))
    times = np.arange(len(frames))
    for channel in np.flatnonzero(is_gap.any(0)):
        gap = is_gap[:, channel]
        if gap.all():
            raise ValueError(f"channel {channel} has no number within inputs.series.valid")
        frames[gap, channel] = np.interp(times[gap], times[~gap], frames[~gap, channel])
    return frames


def _framed(numbers: np.ndarray, settings: SeriesSettings) -> np.ndarray:
    """Return numbers as float32[T, C], as the settings say what makes a frame."""
    if numbers.ndim == 1:
        each = settings.channels or 1
        if len(numbers) % each:
            raise ValueError(f"{len(numbers)} numbers cannot be frames of inputs.series.channels={each}")
        numbers = numbers.reshape(-1, each)
    if settings.columns is not None:
        if max(settings.columns) >= numbers.shape[-1] or min(settings.columns) < 0:
            found = f"{numbers.shape[-1]} columns"
            raise ValueError(f"{found}, and inputs.series.columns asks for number {max(settings.columns)} from 0")
        numbers = numbers[..., list(settings.columns)]
    if numbers.shape[0] % settings.rows:
        raise ValueError(f"{numbers.shape[0]} rows cannot be frames of inputs.series.rows={settings.rows}")
    return np.ascontiguousarray(numbers.reshape(len(numbers) // settings.rows, -1), np.float32)


def _from_bytes(data: bytes) -> Any:
    """Return what a file of numbers holds: .npy, JSON or text with a row a line."""
    if not data:
        raise ValueError("the file is empty")
    if data.startswith(MARK):
        return read_array(data)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError("neither text in UTF-8 nor a .npy file") from None
    if text.lstrip().startswith("["):
        try:
            return json.loads(text)
        except ValueError as error:
            raise ValueError(f"the JSON is broken: {error}") from None
    rows = _split(text)
    if len(rows) > 1 and not any(_is_number(cell) for cell in rows[0]):
        rows = rows[1:]  # a header
    if not rows:
        raise ValueError("the file holds no row of numbers")
    return rows


def _split(text: str) -> list[list[str]]:
    """Return the cells of each line. A comma between digits is a decimal mark where another mark divides the cells."""
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    mark = next((mark for mark in ";\t" if mark in text), None)
    is_one_column = len(lines) > 1 and "," not in lines[0] and not _is_number(lines[0].strip())  # by its header
    if mark is None and all(DECIMAL_COMMA.fullmatch(line.strip()) for line in lines[1:]):
        whole = [line.strip() for line in lines]
        if is_one_column or any(re.fullmatch(r"[+-]?\d+,0\d+", line) for line in whole):  # 1,05 is no pair
            return [[_with_point(line)] for line in whole]
    if mark is not None and "." not in "".join(lines):
        cells = [[cell.strip() for cell in line.strip().strip(mark).split(mark)] for line in lines]
        parts = [cell.partition(",")[2] for row in cells for cell in row if DECIMAL_COMMA.fullmatch(cell)]
        if len({len(part) for part in parts}) == 1 or any(part[0] == "0" or len(part) > 4 for part in parts):
            return [
                [cell.replace(",", ".") if DECIMAL_COMMA.fullmatch(cell) else cell for cell in row] for row in cells
            ]
        if parts:
            raise ValueError("a comma may be a decimal mark here or divide two numbers: write 1.5, or no ; and tabs")
    return [line.replace(",", " ").replace(";", " ").split() for line in lines]


def _with_point(cell: str) -> str:
    return cell.replace(",", ".") if DECIMAL_COMMA.fullmatch(cell) else cell


def _numbers(value: np.ndarray | Sequence[Any]) -> np.ndarray:
    """Return float64[T], [T, C] or [T, J, D]; raise ValueError that names the first row that does not fit."""
    if isinstance(value, np.ndarray) and value.dtype.kind not in "biuf":
        raise ValueError(f"an array of {value.dtype} is no series: it must hold numbers")
    if isinstance(value, np.ndarray) and value.ndim not in (1, 2, 3):
        raise ValueError(f"an array of shape {value.shape} is no series of shape [frames, channels]")
    try:
        numbers = np.asarray(value, np.float64)
    except (ValueError, TypeError, OverflowError):
        raise ValueError(_flaw(value)) from None
    if numbers.ndim not in (1, 2, 3) or numbers.size == 0:
        raise ValueError("a series is a list of rows, each a list of as many numbers")
    return np.where(np.abs(numbers) < np.finfo(np.float32).max, numbers, np.nan)


def _flaw(rows: Any) -> str:
    """Say what keeps rows from being an array of numbers."""
    first = None
    for number, row in enumerate(rows, start=1):
        cells = row if isinstance(row, list | tuple) else [row]
        for cell in cells:
            if isinstance(cell, str | bytes) and not _is_number(cell):
                return f"row {number} holds {str(cell)[:40]!r}, which is no number"
            if isinstance(cell, Mapping):
                return f"row {number} holds an object where a number should stand"
        first = len(cells) if first is None else first
        if len(cells) != first:
            return f"row {number} holds {len(cells)} numbers, row 1 holds {first}"
    return "a series is a list of rows, each a list of as many numbers"


def _is_number(cell: Any) -> bool:
    try:
        float(cell)
    except (ValueError, TypeError):
        return False
    return True


def _listed(values: Values) -> Sequence[Any] | np.ndarray:
    """Return the values one by one; the cells of several columns are the numbers of one flat row."""
    if isinstance(values, Mapping):
        return [list(cells) for cells in zip(*values.values(), strict=True)]
    return values


def _resampled(frames: np.ndarray, length: int) -> np.ndarray:
    """Return so many frames, evenly spread from the first to the last, each between its neighbours in time."""
    places = np.linspace(0, len(frames) - 1, length)
    before = np.floor(places).astype(np.int64)
    share = (places - before)[:, None]
    after = np.minimum(before + 1, len(frames) - 1)
    return np.asarray(frames[before] * (1 - share) + frames[after] * share, np.float32)


def _drawn(values: np.ndarray, dimensions: int | None) -> np.ndarray:
    """Return uint8[H, W], dark where nothing is."""
    if dimensions is None or dimensions < 2:
        low, high = values.min(0), values.max(0)
        shares = (values - low) / np.where(high > low, high - low, 1)
        return np.asarray(255 * shares.T, np.uint8)
    from PIL import Image, ImageDraw

    points = values.reshape(len(values), -1, dimensions)[..., :2]
    low, extent = points.min((0, 1)), np.ptp(points, (0, 1))
    scale = (SIDE - 3) / max(float(extent.max()), 1e-12)
    places = ((points - low - extent / 2) * scale + SIDE / 2 - 1).round().astype(int).tolist()
    picture = Image.new("L", (SIDE, SIDE))
    pen = ImageDraw.Draw(picture)
    for number, frame in enumerate(places, 1):
        shade = 60 + 140 * number // len(places)
        for (x, y), before in zip(frame, places[max(0, number - 2)], strict=True):
            pen.line((*before, x, y), fill=shade)
    for x, y in places[-1]:
        pen.rectangle((x - 1, y - 1, x + 1, y + 1), fill=255)
    return np.asarray(picture)


def _wild(numbers: np.ndarray) -> dict[str, list[float]]:
    """Return the largest number, whatever its sign, and what nearly all are below, where they are far apart."""
    sizes = np.abs(numbers)
    largest, usual = float(sizes.max(initial=0)), float(np.quantile(sizes, MOST_USUAL)) if sizes.size else 0.0
    return {"wild": [largest, usual]} if largest > TIMES_WILD * usual > 0 else {}


def _positive(spread: np.ndarray) -> np.ndarray:
    return np.where(spread > 1e-12, spread, 1.0)


def _repeated(numbers: np.ndarray, channels: int) -> list[float]:
    return [float(f"{number:.8g}") for number in np.tile(numbers, channels // len(numbers))]
