"""Text that grows by many small pieces."""

PIECES_PER_BLOCK = 64


class GrowingText:
    """Appends in constant time; pieces are joined block by block, since an object for each costs more than its text."""

    __slots__ = ("_blocks", "_pieces")

    def __init__(self) -> None:
        self._blocks: list[str] = []
        self._pieces: list[str] = []

    def add(self, piece: str) -> None:
        """Appends a piece."""
        self._pieces.append(piece)
        if len(self._pieces) >= PIECES_PER_BLOCK:
            self._blocks.append("".join(self._pieces))
            self._pieces.clear()

    def clear(self) -> None:
        """Back to nothing."""
        self._blocks.clear()
        self._pieces.clear()

    def __str__(self) -> str:
        return "".join(self._blocks) + "".join(self._pieces)
