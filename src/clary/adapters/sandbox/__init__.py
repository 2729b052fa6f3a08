"""Runs programs away from the server by bubblewrap (stream-runtime.md 9.16), or nowhere at all (`NoSandbox`).

A run sees its workspace, read-only system files and nothing else: no network, no server secret, no other workspace.
Its process tree is gone before `run` returns or raises. Nothing here decides who may run what, and there is no
fall-back that would run a program outside.
"""

from clary.adapters.sandbox.bubblewrap import BubblewrapSandbox
from clary.adapters.sandbox.factory import make_sandbox
from clary.adapters.sandbox.limits import SandboxLimits
from clary.adapters.sandbox.no_sandbox import NoSandbox
from clary.adapters.sandbox.programs import visible_programs

__all__ = ["BubblewrapSandbox", "NoSandbox", "SandboxLimits", "make_sandbox", "visible_programs"]
