"""Files that people put into the object store, and how they are served (platform.md 10).

An object is a row: its key is what addresses and people see. What it holds lies in the store under a random name, which
is new for each content and never an owner's choice: an object is replaced by pointing its row elsewhere. Whatever is in
the store without a row that points to it is written down as loose and removed, now or by the next sweep.
"""
