"""Training scenes: clips put into a stretch of time, one or two each, with noise over all of it, and their spans moved.

On raw log-mel frames of a batch, by torch's global seed. Noise is of many kinds, as real noise is: any colour, steady
or uneven; hum; babble made of other clips; clicks. What nobody says clearly, babble too, is no speech.
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
    odds = torch.tensor([0.5, 0.12, 0.26, 0.12], device=device).expand(count, -1)
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
    """Return noise of a colour from blue-white to past pink, steady or swelling."""
    count, frames, bands = like.shape
    device = like.device
    pitch = torch.linspace(0, 1, bands, device=device)
    tilt = 1.2 - 3.2 * torch.rand(count, 1, 1, device=device)
    swell = torch.randn(count, max(2, frames // 25), 1, device=device) * torch.rand(count, 1, 1, device=device)
    swell = torch.nn.functional.interpolate(swell.transpose(1, 2), size=frames, mode="linear").transpose(1, 2)
    bumps = torch.randn(count, 1, 4, device=device) * torch.rand(count, 1, 1, device=device)
    bumps = torch.nn.functional.interpolate(bumps, size=bands, mode="linear")
    return tilt * pitch + bumps + swell + 0.35 * torch.randn_like(like)


def _hum(like: Tensor) -> Tensor:
    """Return a steady tone with some harmonics, in the lower half of the bands."""
    count, frames, bands = like.shape
    device = like.device
    base = 1 + (bands // 4) * torch.rand(count, 1, device=device)
    place = torch.arange(bands, device=device)[None]
    distance = (place / base - (place / base).round().clamp_min(1)).abs() * base
    shape = 3 - 2 * distance - 0.15 * place
    return shape[:, None].expand(count, frames, bands) + 0.1 * torch.randn_like(like)


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
    """Return short blows over all bands, a few a second."""
    count, frames, bands = like.shape
    device = like.device
    rate = 0.01 + 0.06 * torch.rand(count, 1, device=device)
    blow = torch.where(torch.rand(count, frames, device=device) < rate, 0.0, QUIETEST)
    echo = torch.nn.functional.pad(blow, (1, 0), value=QUIETEST)[:, :-1] - 1.5
    tilt = (1 - 2 * torch.rand(count, 1, 1, device=device)) * torch.linspace(0, 1.5, bands, device=device)
    return torch.maximum(blow, echo)[:, :, None] + tilt + 0.3 * torch.randn_like(like)
