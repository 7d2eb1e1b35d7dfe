"""A stretch of the context that answers a question, or the statement that it holds no answer."""

from noria.targets.span.target import Span

__all__ = ["Span"]
