"""Text out of documents: PDF by PDFium, office files, mail and HTML by kreuzberg, plain text by its bytes.

Parsers are code in other languages that read what strangers wrote. So every one runs in a child process of its own:
empty environment, no network where the kernel lets it be taken away, 30 s, 512 MB, no file it could write, text back by
pipe. A child that is killed, crashes or answers nonsense is a document without text, never a fault of the server.
"""

from clary.adapters.parsers.kinds import kind_of
from clary.adapters.parsers.reader import DocumentReader

__all__ = ["DocumentReader", "kind_of"]
