"""From tokens to frames: how long each token is, how high and loud each frame, and then the log-mel spectrum.

    tokens -> silence at both ends -> durations -> one row a frame -> pitch, energy -> convolution blocks -> mel

In training true durations (alignment.py), pitch and energy stand in for what is predicted. A tone is a movement within
a syllable, so pitch is predicted for each frame. Source: Ren et al. 2021, "FastSpeech 2".
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from noria.model.layers.convnext import ConvNextBlock
from noria.targets.speech.alignment import Aligner, owners
from noria.types import Output, Tokens, lengths_of, real_rows

MOST_FRAMES = 200  # of a token, so that an untrained network answers in a second or two
NUM_WAVES = 4  # sines and cosines that say where in its token a frame lies
WINDOW = 7  # frames and bands of the windows whose structure is compared


class SpeechHead(nn.Module):
    """Tokens [B, N, width] -> `mel` float[B, T, M] normalised, `contour` float[B, T, 1] pitch normalised, `frames`
    int[B] and `durations` int[B, N + 2, 1]: silence, the tokens, silence.
    """

    def __init__(self, width: int, num_mels: int, num_blocks: int, speed: float = 1.0) -> None:
        super().__init__()
        self.speed = speed
        self.silence = nn.Parameter(0.02 * torch.randn(2, width))
        self.aligner = Aligner(width, num_mels)
        self.duration = _Predictor(width, kernel=3)
        self.place = nn.Linear(2 * NUM_WAVES + 3, width)
        self.pitch, self.energy = _Predictor(width), _Predictor(width)
        self.sung = nn.Conv1d(2, width, 3, padding=1)
        self.blocks = nn.ModuleList(ConvNextBlock(width, num_blocks=num_blocks) for _ in range(num_blocks))
        self.norm = nn.LayerNorm(width)
        self.mel = nn.Linear(width, num_mels)

    def forward(self, tokens: Tokens) -> Output:
        return self.spoken(tokens, self.speed)

    def spoken(self, tokens: Tokens, speed: float) -> Output:
        """Return the speech of tokens, `speed` times as fast as learnt."""
        features, counts = self._with_silence(tokens, self.silence)
        is_real = real_rows(counts, features.shape[1])
        lasting = self.duration(features, is_real).clamp(0.0, math.log(MOST_FRAMES)).exp() / speed
        durations = lasting.round().clamp_min(1).long() * is_real
        rows, frames = self._stretched(features, durations)
        is_frame = real_rows(frames, rows.shape[1])
        contour, energy = self.pitch(rows, is_frame), self.energy(rows, is_frame)
        mel = self._drawn(rows, contour, energy, is_frame)
        return {"mel": mel, "contour": contour[:, :, None], "frames": frames, "durations": durations[:, :, None]}

    def learnt(self, tokens: Tokens, plain: Tokens, target: dict[str, Tensor]) -> Output:
        """Return what is compared with the true speech: `*_off` float[B] each, and `mel` along the true durations.

        plain: the tokens before the trunk. Frames are laid along these: tokens that know their neighbours could take
        any frame, and one silence stands at both ends, so that it cannot pass for speech either.
        """
        features, counts = self._with_silence(tokens, self.silence)
        keys, _ = self._with_silence(plain, self.silence[:1].expand(2, -1))
        is_real = real_rows(counts, features.shape[1])
        mel, frames = target["mel"].float(), target[lengths_of("mel")]
        is_frame = real_rows(frames, mel.shape[1])
        durations, alignment_off = self.aligner(keys, mel, counts, frames)
        rows, _ = self._stretched(features, durations, mel.shape[1])
        contour, energy = target["contour"].float(), mel.mean(2)
        drawn = self._drawn(rows, contour, energy, is_frame)
        lasting = durations.clamp_min(1).float().log()
        return {
            "mel": drawn,
            "alignment_off": alignment_off,
            "duration_off": _mean((self.duration(features, is_real) - lasting).square(), is_real),
            "pitch_off": _mean((self.pitch(rows, is_frame) - contour).square(), is_frame),
            "energy_off": _mean((self.energy(rows, is_frame) - energy).square(), is_frame),
            "mel_off": _mean((drawn - mel).abs().mean(2), is_frame),
            "structure_off": structure_off(drawn, mel, is_frame),
        }

    def _with_silence(self, tokens: Tokens, silence: Tensor) -> tuple[Tensor, Tensor]:
        """Return the tokens with one for the silence at either end, float[B, N + 2, D], and how many are real."""
        features, is_real = tokens.features, tokens.is_real
        if is_real is None:
            is_real = features.new_ones(features.shape[:2], dtype=torch.bool)
        counts = is_real.sum(1) + 2
        whole = functional.pad(features * is_real[:, :, None], (0, 0, 1, 1))
        place = torch.arange(whole.shape[1], device=features.device)
        ends = torch.stack([(place == 0).expand(len(whole), -1), place == counts[:, None] - 1], 2)
        return whole + ends.to(features.dtype) @ silence.to(features.dtype), counts

    def _stretched(self, features: Tensor, durations: Tensor, longest: int | None = None) -> tuple[Tensor, Tensor]:
        """Return a row a frame, float[B, T, D], that knows its place in its token, and how many frames there are."""
        ends = durations.cumsum(1)
        frames = ends[:, -1]
        longest = int(frames.max()) if longest is None else longest
        place = torch.arange(longest, device=features.device)
        owner = owners(durations, longest)
        own = features.gather(1, owner[:, :, None].expand(-1, -1, features.shape[2]))
        length = durations.gather(1, owner).clamp_min(1).float()
        start = (ends - durations).gather(1, owner)
        share = ((place[None] - start + 0.5) / length).clamp(0, 1)
        waves = share[:, :, None] * math.pi * torch.arange(1, NUM_WAVES + 1, device=features.device)
        plain = torch.stack([share, length.log(), (place[None] - start) / 10], 2)
        known = torch.cat([plain, waves.sin(), waves.cos()], 2)
        return (own + self.place(known.to(own.dtype))) * real_rows(frames, longest)[:, :, None], frames

    def _drawn(self, rows: Tensor, contour: Tensor, energy: Tensor, is_frame: Tensor) -> Tensor:
        both = torch.stack([contour, energy], 1) * is_frame[:, None]
        rows = (rows + self.sung(both.to(rows.dtype)).transpose(1, 2)) * is_frame[:, :, None]
        for block in self.blocks:
            rows = block(rows, is_frame)
        mel: Tensor = self.mel(self.norm(rows)).float()
        return mel * is_frame[:, :, None]


class _Predictor(nn.Module):
    """features float[B, T, D], is_real bool[B, T] -> one number each, float[B, T], zero where not real."""

    def __init__(self, width: int, kernel: int = 7) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(ConvNextBlock(width, 2, kernel, 2) for _ in range(2))
        self.norm, self.linear = nn.LayerNorm(width), nn.Linear(width, 1)

    def forward(self, features: Tensor, is_real: Tensor) -> Tensor:
        features = features * is_real[:, :, None]
        for block in self.blocks:
            features = block(features, is_real)
        found: Tensor = self.linear(self.norm(features)).squeeze(2).float()
        return found * is_real


def structure_off(given: Tensor, truth: Tensor, is_frame: Tensor) -> Tensor:
    """Return for each record 1 - the structural similarity of two spectrograms, float[B]; both zero where not real.

    It compares windows by their variation, not by their level: what a mean over many voices smears. Source: Wang et
    al. 2004; for speech, Ren et al. 2022, "Revisiting over-smoothness in text to speech".
    """
    pictures = torch.stack([given, truth, given * given, truth * truth, given * truth], 1)
    own, right, own_square, right_square, product = functional.avg_pool2d(pictures, WINDOW, 1, WINDOW // 2).unbind(1)
    spread = own_square - own * own + right_square - right * right
    together = product - own * right
    likeness = (2 * own * right + 0.01) / (own * own + right * right + 0.01) * (2 * together + 0.03) / (spread + 0.03)
    return _mean(1 - likeness.mean(2), is_frame)


def _mean(values: Tensor, is_real: Tensor) -> Tensor:
    """Return the mean of each row over what is real, float[B]."""
    return (values * is_real).sum(1) / is_real.sum(1).clamp_min(1)
