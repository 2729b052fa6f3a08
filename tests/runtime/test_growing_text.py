"""Text that grows piece by piece."""

from clary.runtime.growing_text import PIECES_PER_BLOCK, GrowingText


def test_nothing_is_lost_or_reordered_at_the_edges_of_blocks() -> None:
    text = GrowingText()
    pieces = [f"{number}é" for number in range(2 * PIECES_PER_BLOCK + 1)]
    for count, piece in enumerate(pieces, 1):
        text.add(piece)
        if count in (1, PIECES_PER_BLOCK - 1, PIECES_PER_BLOCK, PIECES_PER_BLOCK + 1, len(pieces)):
            assert str(text) == "".join(pieces[:count])


def test_cleared_text_is_empty() -> None:
    text = GrowingText()
    for _ in range(PIECES_PER_BLOCK + 1):
        text.add("a")
    text.clear()
    assert str(text) == ""
