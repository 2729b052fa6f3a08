"""Who somebody is: users, passwords, login sessions, their tokens, and the brakes on guessing.

Finds the caller of a request for the whole house (`service.Credentials`). Says nothing about what a caller may do:
that is `permissions`. Passwords and tokens are never stored, only their hashes; no answer tells whether an account
exists.
"""
