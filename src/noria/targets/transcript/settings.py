"""The settings of transcripts: what is learnt, and how an answer is found."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from noria.errors import raise_unmet
from noria.text.normaliser import Normaliser

NETWORK_ONLY = {"network_only": True}  # settings that preparation does not depend on
USUAL_BEAMS = 16  # with a lexicon or an n-gram
TRAINING = "training"


@dataclass(frozen=True)
class TranscriptSettings:
    """How transcripts are read, learnt and found."""

    units: Literal["character", "bpe", "pinyin"] = "character"
    """What is learnt: `character`, `bpe` (pieces of words), `pinyin` (initials, finals and tones, for Mandarin)."""
    vocabulary: int = 512
    """Number of units that `bpe` learns, at least 259. Raise it for hundreds of hours of speech."""
    normaliser: Normaliser = "plain"
    """What is no difference: `plain` drops case and punctuation, `none` keeps both. Scores compare the same way."""
    lexicon: str | None = None
    """Words an answer is made of: `training`, or a text file with a word a line (a tab, then pinyin). Null: any."""
    ngram: int = 0
    """Longest run of words (without a lexicon: of units) whose frequency in training texts counts; 0: none."""
    ngram_weight: float = field(default=0.5, metadata=NETWORK_ONLY)
    """Weight of lexicon and n-gram beside the sound. Raise it where answers are no language, lower it for new words."""
    beams: int | None = field(default=None, metadata=NETWORK_ONLY)
    """Beginnings kept while an answer is sought. Null: 16 with a lexicon or n-gram, else 1, each frame's best unit."""
    intermediate: float = field(default=0.3, metadata=NETWORK_ONLY)
    """Share of the loss at half of the trunk's depth, 0 to 1. It helps deep trunks; 0 leaves it out."""
    joined: int = field(default=1, metadata=NETWORK_ONLY)
    """Augmentation: most recordings that are learnt in a row as one. Above 1 where single words are to be speech."""

    def __post_init__(self) -> None:
        rules: dict[str, tuple[bool, str, object]] = {
            "units": (self.units in ("character", "bpe", "pinyin"), "character, bpe or pinyin", self.units),
            "normaliser": (self.normaliser in ("plain", "none"), "plain or none", self.normaliser),
            "ngram": (0 <= self.ngram <= 6, "0 to 6", self.ngram),
            "ngram_weight": (self.ngram_weight >= 0, "0 or more", self.ngram_weight),
            "beams": (self.beams is None or self.beams >= 1, "at least 1, or null", self.beams),
            "joined": (1 <= self.joined <= 20, "1 to 20", self.joined),
            "intermediate": (0 <= self.intermediate < 1, "at least 0 and less than 1", self.intermediate),
        }
        raise_unmet("a transcript", rules, "target.")

    @property
    def is_searched(self) -> bool:
        """Say whether answers are found by a search rather than frame by frame."""
        return self.lexicon is not None or self.ngram > 0 or (self.beams or 1) > 1
