"""Words and vectors of knowledge bases in a Milvus that all processes share, derived from rows.

All bases lie in the same few collections, each row marked with its base and version, by which every request is
filtered. Milvus finds candidates by sparse and dense vectors; the words of candidates are then scored exactly as the
files of `search_index` score them. Filters hold ids and numbers of ours only, never a person's text.
"""

from clary.adapters.milvus.index import MilvusIndex

__all__ = ["MilvusIndex"]
