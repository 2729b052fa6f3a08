"""Models of vectors and rerankers: the one inside this server, and those behind an address."""
