"""Full text and vectors of knowledge bases as files on this process's own disk, derived from rows.

Whatever is torn, foreign or too old is thrown away and built anew: an index answers rightly or says that it has to
begin from nothing. One folder per process, below it one per base and version: `words.db` (SQLite FTS5 through apsw over
words that are ready made) and `vectors.<n>` (float16, searched exactly). The main database is never opened here: two
SQLite libraries on one file drop each other's locks.
"""

from clary.adapters.search_index.index import EmbeddedIndex

__all__ = ["EmbeddedIndex"]
