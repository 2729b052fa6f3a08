"""What a server may take (product.md 8.6), and which failure ended an attempt."""

from dataclasses import dataclass

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class McpLimits:
    """Times in seconds, sizes in bytes."""

    connect_seconds: float = 10
    list_seconds: float = 15
    call_seconds: float = 300
    idle_seconds: float = 600
    max_tools: int = 200
    max_definition_bytes: int = 512 * 1024
    max_pages: int = 50
    max_result_bytes: int = 10 * MIB
    max_parallel_calls: int = 16

    @property
    def max_message_bytes(self) -> int:
        """One answer on the wire: a result as base64 with its frame."""
        return self.max_result_bytes * 4 // 3 + MIB
