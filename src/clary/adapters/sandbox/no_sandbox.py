"""The null twin: says why nothing runs here."""

from clary.runtime.tools import OutputSink, SandboxCommand, SandboxResult, ToolFailedError


class NoSandbox:
    """Refuses every run; `CLARY_SANDBOX=off` and tests use it."""

    def __init__(self, reason: str) -> None:
        self._reason = reason

    @property
    def unavailable_reason(self) -> str | None:
        """See `Sandbox.unavailable_reason`; never None."""
        return self._reason

    async def probe(self) -> None:
        """See `Sandbox.probe`; there is nothing to find out."""

    async def run(self, command: SandboxCommand, on_output: OutputSink | None = None) -> SandboxResult:
        """See `Sandbox.run`.

        Raises:
            ToolFailedError: always.
        """
        raise ToolFailedError(self._reason)
