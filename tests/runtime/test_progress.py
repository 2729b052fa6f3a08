"""Progress lines at the pace of stream-runtime.md 4.7."""

from datetime import UTC, datetime

import pytest

from clary.runtime.progress import ProgressCoalescer, ProgressLine


class HandClock:
    """A clock turned by hand."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def now(self) -> datetime:
        """Not needed here."""
        return datetime.fromtimestamp(self.seconds, UTC)

    def epoch(self) -> float:
        """Not needed here."""
        return self.seconds

    def monotonic(self) -> float:
        """What was set."""
        return self.seconds


@pytest.fixture
def clock() -> HandClock:
    """At 100 seconds."""
    return HandClock()


def drained(coalescer: ProgressCoalescer, clock: HandClock) -> list[tuple[float, ProgressLine]]:
    """Everything a loop would send, with its time."""
    sent: list[tuple[float, ProgressLine]] = []
    while (wait := coalescer.wait_seconds()) is not None:
        clock.seconds += wait
        line = coalescer.take()
        if line is None:
            clock.seconds += 1e-9
            continue
        sent.append((clock.seconds, line))
    return sent


def test_the_first_output_goes_out_at_once_and_more_is_gathered(clock: HandClock) -> None:
    coalescer = ProgressCoalescer(clock)
    coalescer.add("stdout", "a")
    assert coalescer.take() == ProgressLine("a", "stdout")
    for text in "bcd":
        coalescer.add("stdout", text)
    coalescer.add("stderr", "e")
    assert coalescer.take() is None
    assert [line for _, line in drained(coalescer, clock)] == [
        ProgressLine("bcd", "stdout"),
        ProgressLine("e", "stderr"),
    ]
    assert coalescer.close() == [ProgressLine("", "info", closed=True)]


def test_a_silent_call_has_no_line(clock: HandClock) -> None:
    coalescer = ProgressCoalescer(clock)
    coalescer.add("stdout", "")
    assert (coalescer.wait_seconds(), coalescer.take(), coalescer.close()) == (None, None, [])


def test_a_flood_keeps_to_every_limit(clock: HandClock) -> None:
    coalescer = ProgressCoalescer(clock, "en")
    for _ in range(3000):
        coalescer.add("stdout", "中文x" * 100)
    sent = drained(coalescer, clock)
    texts = [line.text for _, line in sent if line.stream == "stdout"]
    assert all(len(text.encode()) <= 16 * 1024 for text in texts)
    assert 1024 * 1024 - 4 < len("".join(texts).encode()) <= 1024 * 1024
    assert "\ufffd" not in "".join(texts)
    assert [line.text for _, line in sent if line.stream == "info"] == [
        "Too much output: further progress is not shown"
    ]
    moments = [moment for moment, _ in sent]
    assert all(later - first >= 1.0 for first, later in zip(moments, moments[10:], strict=False))


def test_closing_never_breaks_the_pace(clock: HandClock) -> None:
    coalescer = ProgressCoalescer(clock)
    coalescer.add("stdout", "x" * 600_000)
    lines: list[ProgressLine] = []
    for _ in range(5):
        line = coalescer.take()
        assert line is not None
        lines.append(line)
        clock.seconds += 0.12
    lines += coalescer.close()
    assert len(lines) == 10
    assert [line.closed for line in lines] == [False] * 9 + [True]
    assert lines[-1] == ProgressLine("其余进度输出已省略", "info", closed=True)
    assert coalescer.close() == []


def test_lone_surrogates_do_no_harm(clock: HandClock) -> None:
    coalescer = ProgressCoalescer(clock)
    coalescer.add("stdout", "a\ud800b")
    assert coalescer.take() == ProgressLine("a?b", "stdout")
