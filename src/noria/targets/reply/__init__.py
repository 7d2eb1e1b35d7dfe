"""A reply to what was said: heard, recognised, answered and spoken by other models."""

from noria.targets.reply.target import Reply

__all__ = ["Reply"]
