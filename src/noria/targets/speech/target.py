"""Speech: the sound of a text that is read out, as a wav file.

What is learnt is the log-mel spectrogram, with durations and pitch; samples are made of it by a vocoder, a bundle of
its own that is shipped inside (`vocoder`), or by Griffin-Lim. Read next: head.py, voice.py, metrics.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from noria.contract import Metric, Target
from noria.contract.capabilities import DecodesTarget, GivesMedia, PostProcesses, Streams, TrainingStep, UsesParts
from noria.contract.settings import named_input
from noria.errors import UserError, first_reason, raise_unmet
from noria.sound.mel import MelSettings, log_mel
from noria.sound.pitch import filled, pitch_hz
from noria.sound.reading import LEAST_RATE_HZ, MOST_RATE_HZ, read_sound
from noria.sound.resampling import resampled
from noria.sound.speeds import Speeds
from noria.sound.wav import pcm_bytes, wav_bytes, wav_header
from noria.targets.speech.metrics import speech_metrics
from noria.targets.speech.voice import VOICE, check_voice, pieces_of, samples_of
from noria.types import Arrays, Batch, Chunk, Encoded, Media, Output, Prediction, Ragged, State, Values

if TYPE_CHECKING:
    from torch import Tensor, nn

NETWORK_ONLY = {"network_only": True}  # settings that preparation does not depend on
MEL, CONTOUR, VOICED, DURATIONS, FRAMES = "mel", "contour", "voiced", "durations", "frames"
LEFT_OUT = "_left_out"  # of the text: the signs that are not spoken
LEAST_SPREAD = 0.1  # of a band, so that one that is always silent is not blown up
SPEEDS = Speeds(0.25, 4.0)
WEIGHTS = {  # of the parts of the loss; the first two are what is heard
    "mel_off": 1.0,
    "structure_off": 0.5,
    "pitch_off": 0.2,
    "energy_off": 0.1,
    "duration_off": 0.2,
    "alignment_off": 0.2,
}


@dataclass(frozen=True)
class Speech(Target, TrainingStep, PostProcesses, DecodesTarget, UsesParts, Streams, GivesMedia):
    """A sound in which a text is read out. Arrays: `mel` Ragged float16[frames, num_mels], normalised band by band;
    `contour` Ragged float32[frames], the pitch in octaves, normalised and without gaps; `voiced` Ragged uint8[frames].

    Output: `mel` float[B, T, num_mels], `contour` float[B, T, 1], `frames` int[B], `durations` int[B, N + 2, 1], those
    of the silence before, of the tokens, and of the silence after; kept as Ragged rows.
    """

    kind: ClassVar[str] = "speech"
    raw_type: ClassVar[Literal["file"]] = "file"
    num_fit_records: ClassVar[int] = 2_000

    rate_hz: int = 16_000
    """Samples per second of the voice; its vocoder has the same. Raise it for brighter sound, at more time."""
    num_mels: int = 80
    """Bands of pitch that a frame has; its vocoder has as many."""
    window_s: float = 0.025
    """Length of a frame in seconds; its vocoder has the same."""
    hop_s: float = 0.010
    """Seconds from one frame to the next; its vocoder has the same."""
    max_s: int = 30
    """Longest recording in whole seconds that is learnt from; longer ones are refused, as their text would be cut."""
    blocks: int = field(default=5, metadata=NETWORK_ONLY)
    """Convolution blocks that draw the spectrogram. Raise it together with the hours of speech."""
    vocoder: str = field(default="", metadata=NETWORK_ONLY)
    """Run of the task vocoder that makes samples of spectrograms, shipped inside. Empty: Griffin-Lim, hollow."""
    speed: float = field(default=1.0, metadata=NETWORK_ONLY)
    """How fast is spoken, as a factor of the training speech: 1.2 is a fifth faster."""
    text: str = named_input("text")  # the input that is read out

    def __post_init__(self) -> None:
        rules = {
            "rate_hz": (LEAST_RATE_HZ <= self.rate_hz <= MOST_RATE_HZ, f"{LEAST_RATE_HZ:,} or more", self.rate_hz),
            "num_mels": (16 <= self.num_mels <= 512, "16 to 512", self.num_mels),
            "window_s": (0.005 <= self.window_s <= 0.2, "0.005 to 0.2 s", self.window_s),
            "hop_s": (0.002 <= self.hop_s <= 0.1, "0.002 to 0.1 s", self.hop_s),
            "max_s": (self.max_s >= 1, "at least 1", self.max_s),
            "blocks": (self.blocks >= 1, "at least 1", self.blocks),
            "speed": SPEEDS.rule(self.speed),
        }
        raise_unmet("a voice", rules, "target.")

    @property
    def mel_settings(self) -> MelSettings:
        """Return how sounds become frames."""
        return MelSettings(self.rate_hz, self.num_mels, self.window_s, self.hop_s)

    def part_paths(self) -> Mapping[str, str]:
        return {VOICE: self.vocoder} if self.vocoder else {}

    def fit(self, values: Values) -> State:
        mels, octaves = [], []
        for value in values:
            try:
                mel, pitch = self._analysed(value)
            except ValueError:
                continue  # `encode` meets it again and says why
            mels.append(mel)
            octaves.append(np.log2(pitch[pitch > 0]))
        if not mels:
            raise UserError("no training speech can be read", found=first_reason(list(values), self._analysed))
        frames, voiced = np.concatenate(mels).astype(np.float64), np.concatenate(octaves)
        has_pitch = len(voiced) > 1
        return {
            "mean": [float(f"{one:.6g}") for one in frames.mean(0)],
            "spread": [float(f"{one:.6g}") for one in np.maximum(frames.std(0), LEAST_SPREAD)],
            "pitch_mean": float(f"{voiced.mean():.6g}") if has_pitch else 7.5,  # 180 Hz
            "pitch_spread": float(f"{max(0.05, voiced.std()):.6g}") if has_pitch else 0.25,
        }

    def encode(self, values: Values, state: State) -> Encoded:
        mels, contours, voiced, bad = [], [], [], {}
        for i, value in enumerate(values):
            try:
                mel, pitch = self._analysed(value)
            except ValueError as error:
                bad[i] = str(error)
                mel, pitch = np.zeros((1, self.num_mels), np.float32), np.zeros(1, np.float32)
            mels.append((mel - state["mean"]) / state["spread"])
            whole = filled(pitch)
            octaves = np.log2(np.maximum(whole, 1.0)) - state["pitch_mean"]
            contours.append(octaves / state["pitch_spread"] if whole.any() else np.zeros(len(mel)))
            voiced.append(pitch > 0)
        return Encoded(
            {
                MEL: Ragged.of(mels, np.float16, (self.num_mels,)),
                CONTOUR: Ragged.of(contours, np.float32),
                VOICED: Ragged.of(voiced, np.uint8),
            },
            bad,
        )

    def head(self, state: State, width: int) -> nn.Module:
        from noria.targets.speech.head import SpeechHead

        return SpeechHead(width, self.num_mels, self.blocks, self.speed)

    def training_step(self, model: nn.Module, batch: Batch, state: State) -> dict[str, Tensor]:
        check_voice(state, self.mel_settings)
        tokens = model.mixed(batch.inputs)  # type: ignore[operator]
        plain = model.tokens(batch.inputs)  # type: ignore[operator]
        return self.loss(model.head.learnt(tokens, plain, batch.target), batch)  # type: ignore[union-attr, operator]

    def loss(self, output: Output, batch: Batch) -> dict[str, Tensor]:
        import torch

        each = torch.stack([weight * output[name] for name, weight in WEIGHTS.items()]).sum(0)
        return {"loss": each.mean(), "each": each, **{name: output[name].mean() for name in WEIGHTS}}

    def postprocess(self, output: Arrays, inputs: Mapping[str, Arrays], state: State) -> Arrays:
        frames, lasting = output[FRAMES], output[DURATIONS][:, :, 0]
        kept: Arrays = {
            MEL: Ragged.of([mel[:count] for mel, count in zip(output[MEL], frames, strict=True)], np.float32),
            CONTOUR: Ragged.of(
                [one[:count, 0] for one, count in zip(output[CONTOUR], frames, strict=True)], np.float32
            ),
            DURATIONS: Ragged.of([row[row > 0] for row in lasting], np.int32),
        }
        if LEFT_OUT in inputs.get(self.text, {}):
            kept[LEFT_OUT] = inputs[self.text][LEFT_OUT]
        return kept

    def decode(self, output: Arrays, state: State) -> list[Prediction]:
        check_voice(state, self.mel_settings)
        left_out = output[LEFT_OUT].texts() if LEFT_OUT in output else [""] * len(output[MEL])
        predictions = []
        for i, signs in enumerate(left_out):
            mel = self._loud(np.asarray(output[MEL][i]), state)
            samples = samples_of(mel, self.mel_settings, state)
            details: dict[str, Any] = {"left_out": signs} if signs else {}
            sound = Media("audio/wav", wav_bytes(samples, self.rate_hz))
            predictions.append(Prediction(f"{len(samples) / self.rate_hz:.2f} s of speech", None, details, sound))
        return predictions

    def decode_target(self, truth: Arrays, state: State) -> list[Any]:
        return [f"{(count - 1) * self.hop_s:.2f} s of speech" for count in truth[MEL].lengths]

    def stream(self, model: nn.Module, batch: Batch, state: State, settings: Mapping[str, Any]) -> Iterator[Chunk]:
        """Return each speech as the pieces of a wav file; settings: speed."""
        return self._streamed(model, batch, state, SPEEDS.asked(settings, self.speed))

    def _streamed(self, model: nn.Module, batch: Batch, state: State, speed: float) -> Iterator[Chunk]:
        import torch

        check_voice(state, self.mel_settings)
        with torch.inference_mode():
            output = model.head.spoken(model.mixed(batch.inputs), speed)  # type: ignore[union-attr, operator]
        for row in range(batch.size):
            mel = self._loud(output[MEL][row, : int(output[FRAMES][row])].cpu().numpy(), state)
            yield Chunk(wav_header(self.rate_hz, (len(mel) - 1) * self.mel_settings.hop), row=row)
            for piece in pieces_of(mel, self.mel_settings, state):
                yield Chunk(pcm_bytes(piece), row=row)
            yield Chunk(b"", "end", row=row)

    def stream_schema(self, most_tokens: int) -> dict[str, Any]:
        return SPEEDS.schema()

    def media_type(self) -> str:
        return "audio/wav"

    def metrics(self, state: State) -> Sequence[Metric]:
        return speech_metrics(state)

    def _loud(self, mel: np.ndarray, state: State) -> np.ndarray:
        """Return normalised frames as log-mel."""
        return np.asarray(mel * state["spread"] + state["mean"], np.float32)

    def _analysed(self, value: Any) -> tuple[np.ndarray, np.ndarray]:
        """Return log-mel float32[frames, num_mels] and the pitch in Hz float32[frames]; raise ValueError."""
        sound = read_sound(value, self.max_s)
        if sound.unread_s:
            raise ValueError(f"the speech is longer than {self.max_s} s: cut it with its text, or raise target.max_s")
        samples = resampled(sound, self.rate_hz).samples
        if not np.abs(samples).max() > 0:
            raise ValueError("the speech is silent")
        return log_mel(samples, self.mel_settings), pitch_hz(samples, self.rate_hz, self.hop_s)


def average(train: Arrays) -> Arrays:
    """Return the trivial answer: the average frame for as long as training speech lasts on average."""
    frame = np.asarray(train[MEL].values, np.float32).mean(0)
    return {MEL: frame[None], FRAMES: np.array([max(2, round(float(train[MEL].lengths.mean())))])}


def spoken_average(learnt: Arrays, count: int) -> Arrays:
    """Return it as the output for so many records."""
    num_frames = int(learnt[FRAMES][0])
    frames = np.tile(np.asarray(learnt[MEL], np.float32)[:, None], (count, num_frames, 1))
    return {MEL: frames, CONTOUR: np.zeros((count, num_frames), np.float32)}
