"""Training scenes: clips put into a stretch of time, with noise over all of it, and their spans moved.

    single words   ....[clip]......[clip]...     one or two, apart
    sentences      lip][clip][clip][clip]...     two or many, one after another without a pause

On raw log-mel frames of a batch, by torch's global seed. Noise is of many kinds, as real noise is: any colour, steady,
swelling or beating; hum; babble made of other clips; clicks, few or many. What nobody says clearly, babble too, is no
speech.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from noria.sound.mel import FLOOR
from noria.types import real_rows

QUIETEST = math.log(FLOOR)
SILENT_SHARE = 0.08  # of the scenes that have no noise at all
SECOND_SHARE = 0.5  # of the scenes of single words, those with a second one
EMPTY_SHARE = 0.1  # of the scenes in which nobody speaks
SENTENCE_SHARE = 0.4  # of the scenes, those with sentences: about as much time with speech as without, over all
MOST_CLIPS = 8  # of a sentence, which lasts 3 s even where they are digits
PAUSES_S = (0.1, 0.7)  # between single words
GAPS_S = (0.0, 0.12)  # between the clips of a sentence: stops and breaths are no longer
EARLIEST = 0.4  # of the scene's length, by which a sentence may have begun before it
UNEVEN_DB = 3.0  # standard deviation of loudness of the clips of a sentence
MOST_SNR_DB = 35.0
QUIETEST_DB = -25.0  # of a clip, relative to as it was recorded
VOICES = (3, 8)  # of babble, fewest and most
MOST_TILT = 5.0  # of noise from the lowest band to the highest: brown noise falls by 6 dB an octave, violet rises so
DB = math.log(10) / 20  # one decibel as a logarithm of a magnitude


def scene_of(
    mel: Tensor, lengths: Tensor, spans: Tensor, hop_s: float, frames: int, least_snr_db: float
) -> tuple[Tensor, Tensor]:
    """Return scenes float[B, frames, M] and their spans float[B, N, 2], of clips float[B, T, M] with theirs [B, K, 2].

    A span of no length holds no frame.
    """
    count, device = len(mel), mel.device
    edges = _speech_edges(spans, lengths, hop_s)
    is_sentence = torch.rand(count, device=device) < SENTENCE_SHARE
    wanted = 1 + (torch.rand(count, device=device) < SECOND_SHARE).long()
    wanted = torch.where(is_sentence, torch.randint(2, MOST_CLIPS + 1, (count,), device=device), wanted)
    wanted = torch.where(torch.rand(count, device=device) < EMPTY_SHARE, 0, wanted)
    starts = torch.where(is_sentence, _early(count, frames, device), _places(lengths, frames))
    usual_db = QUIETEST_DB * torch.rand(count, device=device)
    scene, moved = mel.new_full((count, frames, mel.shape[2]), QUIETEST), []
    chosen = torch.arange(count, device=device)
    for number in range(MOST_CLIPS):
        place = torch.where((number < wanted) & (starts < frames), starts, frames)
        own_db = torch.where(
            is_sentence,
            usual_db + UNEVEN_DB * torch.randn(count, device=device),
            QUIETEST_DB * torch.rand(count, device=device),
        )
        clip = mel[chosen] + (DB * own_db)[:, None, None]
        scene = torch.maximum(scene, _laid(clip, lengths[chosen], place, frames))
        moved.append((spans[chosen] + hop_s * place[:, None, None]).clamp(0, frames * hop_s))
        if bool((place >= frames).all()):
            break
        following = torch.randperm(count, device=device)
        low, high = (torch.where(is_sentence, *pair) / hop_s for pair in zip(GAPS_S, PAUSES_S, strict=True))
        gap = low + (high - low) * torch.rand(count, device=device)
        starts = (starts + edges[chosen, 1] + gap - edges[following, 0]).round().long()
        chosen = following
    noise = _noise(mel, lengths, scene, least_snr_db)
    return torch.logaddexp(2 * scene, 2 * noise) / 2, torch.cat(moved, 1)


def _speech_edges(spans: Tensor, lengths: Tensor, hop_s: float) -> Tensor:
    """Return where speech begins and ends in each clip, in frames, float[B, 2]; all of a clip that has no span."""
    is_span = spans[..., 1] > spans[..., 0]
    first = spans[..., 0].masked_fill(~is_span, math.inf).amin(1) / hop_s
    last = spans[..., 1].masked_fill(~is_span, -math.inf).amax(1) / hop_s
    has_speech = is_span.any(1)
    return torch.stack([torch.where(has_speech, first, 0.0), torch.where(has_speech, last, lengths.float())], 1)


def _places(lengths: Tensor, frames: int) -> Tensor:
    """Return where single words begin, int[B]: anywhere they fit in; one that is too long begins before the scene."""
    room = (frames - lengths).float()
    return (room * torch.rand(len(lengths), device=lengths.device)).round().long()


def _early(count: int, frames: int, device: torch.device) -> Tensor:
    """Return where sentences begin, int[count]: before the scene or in it."""
    return (frames * (torch.rand(count, device=device) - EARLIEST)).round().long()


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
    """Return several clips of the batch at once, about as loud, each going round and round from a place of its own."""
    count, device = len(mel), mel.device
    is_real = real_rows(lengths, mel.shape[1])[:, :, None]
    level = (torch.logsumexp(2 * mel.masked_fill(~is_real, -math.inf), (1, 2)) - lengths.log()) / 2
    fewest, most = VOICES
    number = torch.randint(fewest, most + 1, (count, 1, 1), device=device)
    voices = []
    for voice in range(most):
        chosen = torch.randperm(count, device=device)
        offset = (lengths[chosen] * torch.rand(count, device=device)).long()
        place = (torch.arange(frames, device=device)[None] + offset[:, None]) % lengths[chosen][:, None]
        gain = UNEVEN_DB * DB * torch.randn(count, device=device) - level[chosen]
        said = 2 * (mel[chosen[:, None], place] + gain[:, None, None])
        voices.append(torch.where(voice < number, said, 2 * QUIETEST))
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
