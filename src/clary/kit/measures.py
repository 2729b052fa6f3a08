"""Counts and durations of what happens, spoken like logs: whoever sees something says so, a collector hears it.

Names and labels are those of the collector, which drops what it does not know and bounds what labels may say. While
nobody collects, a word costs a function call. Safe from any thread.
"""

from typing import Protocol


class Collector(Protocol):
    """Hears everything that is measured in this process."""

    def count(self, name: str, amount: float, labels: dict[str, str]) -> None:
        """Something happened so often, or so much of it."""
        ...

    def observe(self, name: str, seconds: float, labels: dict[str, str]) -> None:
        """Something took so long."""
        ...

    def change(self, name: str, amount: float, labels: dict[str, str]) -> None:
        """There is now so much more, or less, of something."""
        ...


class _Nobody:
    """Hears nothing."""

    def count(self, name: str, amount: float, labels: dict[str, str]) -> None:
        """See `Collector.count`."""

    def observe(self, name: str, seconds: float, labels: dict[str, str]) -> None:
        """See `Collector.observe`."""

    def change(self, name: str, amount: float, labels: dict[str, str]) -> None:
        """See `Collector.change`."""


class _Ear:
    collector: Collector = _Nobody()


def collect_with(collector: Collector | None) -> None:
    """From now on this one hears, and no other; None: nobody."""
    _Ear.collector = collector or _Nobody()


def count(name: str, amount: float = 1, **labels: str) -> None:
    """Something happened."""
    _Ear.collector.count(name, amount, labels)


def observe(name: str, seconds: float, **labels: str) -> None:
    """Something took so long."""
    _Ear.collector.observe(name, seconds, labels)


def change(name: str, amount: float, **labels: str) -> None:
    """There is more, or less, of something."""
    _Ear.collector.change(name, amount, labels)
