"""Training sounds, varied: speed, silence at the ends, pitch, loudness, filters, noise, blanked parts (SpecAugment).

All of it on the raw log-mel frames of a batch, by torch's global seed; what is stored and what use sees stays as it is.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from noria.modalities.audio.arrays import LENGTHS, MEL
from noria.modalities.audio.settings import AudioSettings
from noria.sound.mel import FLOOR
from noria.types import real_rows

DB = math.log(10) / 20  # what one decibel adds to the logarithm of a magnitude
FAINTEST_DB = -50.0  # of noise that is added, relative to the mean level: less is not heard
KNOTS = 6  # of a random filter, which is a line from each to the next
MASKS = 2  # blanked stretches of each kind, as in SpecAugment's LD policy


def augment(arrays: dict[str, Tensor], settings: AudioSettings) -> dict[str, Tensor]:
    """Return a batch of sounds varied as the settings say, and their lengths."""
    mel, lengths = arrays[MEL].float(), arrays[LENGTHS]
    if settings.speed or settings.silence_s:
        mel, lengths = _retimed(mel, lengths, settings)
    if settings.pitch:
        mel = _shifted(mel, settings.pitch * _signed(len(mel), mel.device))
    if settings.gain_db:
        mel = mel + (settings.gain_db * DB * _signed(len(mel), mel.device))[:, None, None]
    if settings.equalizer_db:
        mel = mel + settings.equalizer_db * DB * _curves(mel)
    is_real = real_rows(lengths, mel.shape[1])[:, :, None]
    if settings.noise_db is not None:
        mel = _with_noise(mel, is_real, settings.noise_db)
    mel = mel.clamp_min(math.log(FLOOR))
    if settings.time_mask or settings.mel_mask:
        mel = _masked(mel, lengths, is_real, settings)
    return {**arrays, MEL: torch.where(is_real, mel, 0.0), LENGTHS: lengths}


def _signed(count: int, device: torch.device) -> Tensor:
    """Return numbers between -1 and 1, float[count]."""
    return 2 * torch.rand(count, device=device) - 1


def _retimed(mel: Tensor, lengths: Tensor, settings: AudioSettings) -> tuple[Tensor, Tensor]:
    """Let sounds run faster or slower, with silence before and after: as quiet, in each band, as they ever are."""
    count, longest, _ = mel.shape
    device = mel.device
    factor = (settings.speed * _signed(count, device)).exp()
    most = settings.silence_s / settings.hop_s
    lead, trail = ((most * torch.rand(count, device=device)).round() for _ in range(2))
    own = ((lengths - 1) / factor).round() + 1
    total = (lead + own + trail).long()
    place = torch.arange(int(total.max()), device=device)[None] - lead[:, None]
    is_sound = (place >= 0) & (place < own[:, None])
    last = (lengths - 1)[:, None]
    times = torch.minimum((place * factor[:, None]).clamp_min(0), last.float())
    before = times.long()
    after = torch.minimum(before + 1, last)
    share = (times - before)[:, :, None]
    row = torch.arange(count, device=device)[:, None]
    moved = mel[row, before] * (1 - share) + mel[row, after] * share
    is_real = real_rows(lengths, longest)[:, :, None]
    quiet = mel.masked_fill(~is_real, math.inf).amin(1, keepdim=True)
    return torch.where(is_sound[:, :, None], moved, quiet), total


def _shifted(mel: Tensor, bands: Tensor) -> Tensor:
    """Move each sound up by so many bands, float[B]; at the rim the last band goes on."""
    last = mel.shape[2] - 1
    places = (torch.arange(last + 1, device=mel.device)[None] - bands[:, None]).clamp(0, last)
    before = places.long()
    after = (before + 1).clamp_max(last)
    share = (places - before)[:, None]

    def at(chosen: Tensor) -> Tensor:
        return mel.gather(2, chosen[:, None].expand_as(mel))

    return at(before) * (1 - share) + at(after) * share


def _curves(mel: Tensor) -> Tensor:
    """Return a smooth curve over the bands for each sound, between -1 and 1, float[B, 1, bands]."""
    knots = _signed(KNOTS * len(mel), mel.device).view(len(mel), 1, KNOTS)
    return functional.interpolate(knots, size=mel.shape[2], mode="linear", align_corners=True)


def _with_noise(mel: Tensor, is_real: Tensor, loudest_db: float) -> Tensor:
    """Add noise to half of the sounds: of any level up to this one, dark or bright, uneven as real noise is."""
    count, _, bands = mel.shape
    level = (mel * is_real).sum((1, 2)) / (is_real.sum((1, 2)) * bands)
    db = loudest_db + (FAINTEST_DB - loudest_db) * torch.rand(count, device=mel.device)
    tilt = _signed(count, mel.device)[:, None] * torch.linspace(-2, 2, bands, device=mel.device)
    uneven = 0.5 * torch.randn_like(mel)
    noise = (level + db * DB)[:, None, None] + tilt[:, None] + uneven
    is_noisy = (torch.rand(count, device=mel.device) < 0.5)[:, None, None]
    return torch.where(is_noisy, torch.logaddexp(2 * mel, 2 * noise) / 2, mel)


def _masked(mel: Tensor, lengths: Tensor, is_real: Tensor, settings: AudioSettings) -> Tensor:
    """Blank stretches of time and ranges of bands with the sound's mean."""
    _, longest, bands = mel.shape
    mean = (mel * is_real).sum((1, 2), keepdim=True) / (is_real.sum((1, 2), keepdim=True) * bands)
    frames = _stretches(longest, lengths.float(), settings.time_mask, mel.device)[:, :, None]
    ranges = _stretches(bands, torch.full_like(mel[:, 0, 0], bands), settings.mel_mask, mel.device)[:, None]
    return torch.where(frames | ranges, mean, mel)


def _stretches(places: int, whole: Tensor, share: float, device: torch.device) -> Tensor:
    """Return bool[B, places], true in stretches within `whole` float[B], each at most this share of it."""
    length = whole * share * torch.rand(MASKS, len(whole), device=device)
    start = (whole - length) * torch.rand(MASKS, len(whole), device=device)
    place = torch.arange(places, device=device) + 0.5
    inside = (place >= start[..., None]) & (place < (start + length)[..., None])
    return inside.any(0)
