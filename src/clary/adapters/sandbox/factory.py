"""Chooses the sandbox of this host."""

from typing import Literal

from clary.adapters.sandbox.bubblewrap import BubblewrapSandbox
from clary.adapters.sandbox.limits import SandboxLimits
from clary.adapters.sandbox.no_sandbox import NoSandbox


async def make_sandbox(
    mode: Literal["on", "off"], *, limits: SandboxLimits | None = None
) -> BubblewrapSandbox | NoSandbox:
    """The sandbox for a mode, already probed. With `on` a host where it does not work yields one that says why."""
    if mode == "off":
        return NoSandbox("the sandbox is switched off")
    sandbox = BubblewrapSandbox(limits or SandboxLimits())
    await sandbox.probe()
    return sandbox
