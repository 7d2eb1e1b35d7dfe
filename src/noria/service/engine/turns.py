"""Whose turn it is: clients one after another, and the requests of one in the order they came."""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Turns(Generic[Item]):
    """A queue that goes round among the clients, so that a thousand requests of one do not keep the others waiting."""

    def __init__(self) -> None:
        self._waiting: OrderedDict[str, deque[Item]] = OrderedDict()
        self._changed = threading.Condition()
        self._is_closed = False

    @property
    def is_empty(self) -> bool:
        """Say whether nothing waits."""
        return not self._waiting

    def put(self, client: str, item: Item) -> None:
        """Add an item at the end of its client's."""
        with self._changed:
            self._waiting.setdefault(client, deque()).append(item)
            self._changed.notify()

    def put_back(self, client: str, item: Item) -> None:
        """Put an item back that is not done: it is the first of its client's again, after the others' turns."""
        with self._changed:
            self._waiting.setdefault(client, deque()).appendleft(item)
            self._changed.notify()

    def remove(self, client: str, item: Item) -> None:
        """Take an item out, where it waits still."""
        with self._changed:
            items = self._waiting.get(client, deque())
            if item in items:
                items.remove(item)
                if not items:
                    del self._waiting[client]

    def take(self) -> Item | None:
        """Wait for an item and take it; None once it is closed."""
        with self._changed:
            while not self._waiting and not self._is_closed:
                self._changed.wait()
            if self._is_closed:
                return None
            client, items = self._waiting.popitem(last=False)
            item = items.popleft()
            if items:
                self._waiting[client] = items  # at the end
            return item

    def close(self) -> None:
        """Give no more items."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
