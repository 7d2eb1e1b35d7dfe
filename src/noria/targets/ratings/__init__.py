"""Ratings: how somebody would rate the items that are asked for.

target.py is the target; factors.py the expert inside it; head.py and learning.py the network's own part; simple.py what
stands beside.
"""

from noria.targets.ratings.target import Ratings

__all__ = ["Ratings"]
