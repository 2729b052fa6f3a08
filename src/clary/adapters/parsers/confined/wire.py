"""How the server and the template process speak."""

import struct
from typing import Final

MAX_REQUEST: Final = 8192
TRAILER: Final = struct.Struct("<iI")
"""After the answer of a child: its wait status, and the most memory it had, in KiB."""
