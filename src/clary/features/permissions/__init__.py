"""The one rule of who may do what: owner, grant, admin.

Every route, every id in path, query and body, and every repository asks here. Knows no other slice: an object is a
type, an id and an owner. A stranger's object reads exactly like a missing one; that is the caller's business to say.
"""
