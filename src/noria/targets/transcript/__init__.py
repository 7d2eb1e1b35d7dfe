"""Transcripts: what is said in a sound, by connectionist temporal classification. Read next: target.py, alignment.py."""

from noria.targets.transcript.target import Transcript

__all__ = ["Transcript"]
