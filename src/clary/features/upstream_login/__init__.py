"""Signing in through providers outside: OpenID Connect, and OAuth 2 by configuration (platform.md 5).

A flow begins here, goes through the provider, and comes back once. Whom an identity may meet is decided by pure rules;
what that does to users is the accounts slice's work. Nothing a provider says ever becomes the text of an answer.
"""
