"""Training scenes: clips put into a stretch of time, with noise over all of it, and their spans moved.

One or two clips each.

On raw log-mel frames of a batch, by torch's global seed. Noise is of many kinds, as real noise is: any colour, steady,
swelling or beating; hum; babble made of other clips; clicks, few or many. What nobody says clearly, babble too, is no
speech.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from noria.sound.mel import FLOOR

QUIETEST = math.log(FLOOR)
SILENT_SHARE = 0.08  # of the scenes that have no noise at all
SECOND_SHARE = 0.5  # of the scenes with a second clip
EMPTY_SHARE = 0.1  # of the scenes in which nobody speaks
MOST_SNR_DB = 35.0
QUIETEST_DB = -25.0  # of a clip, relative to as it was recorded
VOICES = 5  # of babble
MOST_TILT = 5.0  # of noise from the lowest band to the highest: brown noise falls by 6 dB an octave, violet rises so
DB = math.log(10) / 20  # one decibel as a logarithm of a magnitude


def scene_of(
    mel: Tensor, lengths: Tensor, spans: Tensor, hop_s: float, frames: int, least_snr_db: float
) -> tuple[Tensor, Tensor]:
    """Return scenes float[B, frames, M] and their spans float[B, 2K, 2], of clips float[B, T, M] with theirs [B, K, 2].

    A span of no length holds no frame.
    """
    count, device = len(mel), mel.device
    first, second = torch.arange(count, device=device), torch.randperm(count, device=device)
    starts = _places(lengths, frames)
    after = starts + lengths + (0.1 / hop_s + 0.5 / hop_s * torch.rand(count, device=device)).long()
    has_second = (torch.rand(count, device=device) < SECOND_SHARE) & (after < frames)
    is_empty = torch.rand(count, device=device) < EMPTY_SHARE
    after = torch.where(has_second & ~is_empty, after, frames)
    starts = torch.where(is_empty, frames, starts)
    gains = DB * QUIETEST_DB * torch.rand(2, count, device=device)
    layers = [
        _laid(mel[chosen] + gain[:, None, None], lengths[chosen], place, frames)
        for chosen, gain, place in ((first, gains[0], starts), (second, gains[1], after))
    ]
    moved = [
        (spans[chosen] + hop_s * place[:, None, None]).clamp(0, frames * hop_s)
        for chosen, place in ((first, starts), (second, after))
    ]
    scene = torch.maximum(*layers)
    noise = _noise(mel, lengths, scene, least_snr_db)
    return torch.logaddexp(2 * scene, 2 * noise) / 2, torch.cat(moved, 1)


def _places(lengths: Tensor, frames: int) -> Tensor:
    """Return where clips begin, int[B]: anywhere they fit in; one that is too long begins before the scene."""
    room = (frames - lengths).float()
    return (room * torch.rand(len(lengths), device=lengths.device)).round().long()


def _laid(mel: Tensor, lengths: Tensor, starts: Tensor, frames: int) -> Tensor:
    """Return clips laid into silence, each from its place on."""
    place = torch.arange(frames, device=mel.device)[None] - starts[:, None]
    inside = (place >= 0) & (place < lengths[:, None])
    row = torch.arange(len(mel), device=mel.device)[:, None]
    return torch.where(inside[:, :, None], mel[row, place.clamp(0, mel.shape[1] - 1)], QUIETEST).clamp_min(QUIETEST)


def _noise(mel: Tensor, lengths: Tensor, scene: Tensor, least_snr_db: float) -> Tensor:
    """Return noise float[B, frames, M] for each scene, one kind or two at once, at a level drawn for it."""
    count, frames, _ = scene.shape
    device = mel.device
    kinds = torch.stack([_coloured(scene), _hum(scene), _babble(mel, lengths, frames), _clicks(scene)], 1)
    levels = torch.logsumexp(2 * kinds, (2, 3), keepdim=True) / 2
    odds = torch.tensor([0.5, 0.14, 0.22, 0.14], device=device).expand(count, -1)
    chosen = torch.multinomial(odds, 2)
    row = torch.arange(count, device=device)
    drawn = (kinds - levels)[row[:, None], chosen]
    share = DB * -30.0 * torch.rand(count, device=device)[:, None, None]
    noise = torch.logaddexp(2 * drawn[:, 0], 2 * (drawn[:, 1] + share)) / 2
    noise = noise - torch.logsumexp(2 * noise, (1, 2), keepdim=True) / 2 + math.log(frames) / 2  # one unit a frame
    is_loud = (scene > QUIETEST + 1).any(2)
    energy = torch.logsumexp(2 * scene, 2).masked_fill(~is_loud, -math.inf)
    speech = (torch.logsumexp(energy, 1) - is_loud.sum(1).clamp_min(1).log()) / 2
    usual = torch.where(is_loud.any(1), speech, speech.new_full((), 0.0).expand(count))
    snr = least_snr_db + (MOST_SNR_DB - least_snr_db) * torch.rand(count, device=device)
    level = torch.where(torch.rand(count, device=device) < SILENT_SHARE, -math.inf, usual - DB * snr)
    return noise + level[:, None, None]


def _coloured(like: Tensor) -> Tensor:
    """Return noise of a colour from violet to brown, steady, swelling or beating, as wind, engines and rain are."""
    count, _, bands = like.shape
    device = like.device
    bend = 1 + 20 * torch.rand(count, 1, 1, device=device)  # equal steps of pitch, or of its logarithm
    pitch = torch.log1p(bend * torch.linspace(0, 1, bands, device=device)) / torch.log1p(bend)
    tilt = 2 * torch.rand(count, 1, 1, device=device) - 1
    bumps = 1.5 * torch.randn(count, 1, 5, device=device) * torch.rand(count, 1, 1, device=device)
    bumps = torch.nn.functional.interpolate(bumps, size=bands, mode="linear")
    return MOST_TILT * tilt * tilt.abs() * pitch + bumps + _swell(like) + _beating(like) + 0.35 * torch.randn_like(like)


def _swell(like: Tensor) -> Tensor:
    """Return a slow change of loudness, and a quick one from frame to frame, float[B, frames, 1]."""
    count, frames, _ = like.shape
    device = like.device
    slow = torch.randn(count, 1, max(2, frames // 25), device=device) * torch.rand(count, 1, 1, device=device)
    slow = torch.nn.functional.interpolate(slow, size=frames, mode="linear").transpose(1, 2)
    return slow + 0.4 * torch.rand(count, 1, 1, device=device) * torch.randn(count, frames, 1, device=device)


def _beating(like: Tensor) -> Tensor:
    """Return a periodic change of loudness of half of the noises, once in 3 to 100 frames, float[B, frames, 1]."""
    count, frames, _ = like.shape
    device = like.device
    period, phase, depth = torch.rand(3, count, 1, 1, device=device)
    angle = 2 * math.pi * (torch.arange(frames, device=device)[None, :, None] / (3 * 33**period) + phase)
    loudness: Tensor = angle.sin() * (1.4 * depth - 0.7).clamp_min(0)
    return loudness


def _hum(like: Tensor) -> Tensor:
    """Return a tone with harmonics, dull or sharp, in the lower half of the bands; half of them beat."""
    count, _, bands = like.shape
    device = like.device
    base = 1 + (bands // 4) * torch.rand(count, 1, device=device)
    place = torch.arange(bands, device=device)[None]
    distance = (place / base - (place / base).round().clamp_min(1)).abs() * base
    fall = (2 + 6 * torch.rand(count, 1, device=device)) / bands
    shape = 3 - 2 * distance - fall * place
    return shape[:, None] + _beating(like) + 0.1 * torch.randn_like(like)


def _babble(mel: Tensor, lengths: Tensor, frames: int) -> Tensor:
    """Return several clips of the batch at once, each going round and round from a place of its own."""
    count, device = len(mel), mel.device
    voices = []
    for _ in range(VOICES):
        chosen = torch.randperm(count, device=device)
        offset = (lengths[chosen] * torch.rand(count, device=device)).long()
        place = (torch.arange(frames, device=device)[None] + offset[:, None]) % lengths[chosen][:, None]
        gain = DB * 6 * torch.randn(count, 1, 1, device=device)
        voices.append(2 * (mel[chosen[:, None], place] + gain))
    return torch.logsumexp(torch.stack(voices), 0) / 2


def _clicks(like: Tensor) -> Tensor:
    """Return short blows over all bands, strong and weak, from one a second to one a frame."""
    count, frames, bands = like.shape
    device = like.device
    rate = 0.01 * 100 ** torch.rand(count, 1, device=device)
    strength = 0.5 * torch.rand(count, frames, device=device).clamp_min(FLOOR).log()
    blow = torch.where(torch.rand(count, frames, device=device) < rate, strength, QUIETEST)
    echo = torch.nn.functional.pad(blow, (1, 0), value=QUIETEST)[:, :-1] - 1.5
    tilt = (1 - 2 * torch.rand(count, 1, 1, device=device)) * torch.linspace(0, 2.5, bands, device=device)
    return torch.maximum(blow, echo)[:, :, None] + tilt + 0.3 * torch.randn_like(like)
