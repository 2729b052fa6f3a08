"""Text out of documents: by PDFium, by readers of our own, by kreuzberg for what is left.

Parsers read what strangers wrote, some of them in other languages. So every document is read in a child process of its
own: empty environment, no network where the kernel lets it be taken away, 30 s, 512 MB, no file it could open or write,
text back by a socket or pipe. A child that is killed, crashes or answers nonsense is a document without text, never a
fault of the server. `knowledge` parses for knowledge bases; `reader` reads what the tools of a run meet.

This file imports nothing, so that the child starts quickly.
"""
