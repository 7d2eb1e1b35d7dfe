"""Profile: who somebody is by a history, as a vector and as segments that people can read.

target.py is the target, segments.py what people read, privacy.py what the vector gives away.
"""

from noria.targets.profile.target import Profile

__all__ = ["Profile"]
