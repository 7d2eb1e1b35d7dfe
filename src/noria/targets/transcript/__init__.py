"""Transcripts: what is said in a sound, by CTC, and when it is said. Read next: target.py, alignment.py."""

from noria.targets.transcript.target import Transcript

__all__ = ["Transcript"]
