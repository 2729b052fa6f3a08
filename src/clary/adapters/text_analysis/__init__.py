"""Searchable words of texts in any script: folded, stemmed, and cut where a script has no spaces.

Knows no base and no index. The same text gives the same words in every process and thread, whatever the library that
stores them thinks of Unicode: a word holds letters, digits and marks only, and never white space.
"""

from clary.adapters.text_analysis.analyzer import FoldingAnalyzer

__all__ = ["FoldingAnalyzer"]
