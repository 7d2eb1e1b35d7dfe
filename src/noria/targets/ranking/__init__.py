"""Ranking: which items of a catalogue come next, best first."""

from noria.targets.ranking.target import Ranking

__all__ = ["Ranking"]
