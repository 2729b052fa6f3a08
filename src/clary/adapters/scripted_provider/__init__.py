"""A language model that follows a script, behind a real HTTP server with the OpenAI-compatible protocol.

Owns: the script language, choosing a step for a request, and playing it byte by byte, faults included. For the tests,
for benchmarks, and for integrators (`clary dev fake-model`). Refuses: thinking. What it says depends on the request's
messages and the script alone; it checks no key and listens where it is told, which should be loopback.

A script is a list of steps. The last user message with a tag `[[play:NAME]]` chooses the script; the number of
assistant messages with tool calls after that message chooses the step; the last step repeats. Requests without a tag
get the default answer. The file format for integrators is described in `script_file`.

    scripts = {"lamp": [CallTools([Call("switch", {"on": True})]), Say("It is on.", pieces=3)]}
    async with ScriptedProvider(scripts) as provider:
        ...  # provider.url is the base address, provider.requests what was asked
"""

from clary.adapters.scripted_provider.script import (
    Attempts,
    Call,
    CallTools,
    Fault,
    Form,
    Gate,
    Paced,
    Raw,
    Say,
    Step,
    Tokens,
)
from clary.adapters.scripted_provider.script_file import Script, ScriptFileError, load_script, read_script
from clary.adapters.scripted_provider.server import RecordedRequest, ScriptedProvider, serve

__all__ = [
    "Attempts",
    "Call",
    "CallTools",
    "Fault",
    "Form",
    "Gate",
    "Paced",
    "Raw",
    "RecordedRequest",
    "Say",
    "Script",
    "ScriptFileError",
    "ScriptedProvider",
    "Step",
    "Tokens",
    "load_script",
    "read_script",
    "serve",
]
