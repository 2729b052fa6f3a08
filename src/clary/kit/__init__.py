"""Things a stranger would understand: clock, ids, text, crypto, paths, guarded HTTP.

No I/O on import, none of the product's nouns.
"""
