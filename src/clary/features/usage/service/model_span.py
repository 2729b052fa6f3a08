"""The span of a model call, with the names of the GenAI conventions (platform.md 12.3)."""

from clary.features.usage.ports import PlannedCall
from clary.kit import json_text, traces
from clary.runtime.model import ModelDone, ModelItem, ModelRequest, TextDelta, Usage

DEMO = "demo"


class ModelSpan:
    """One call with its retries. Not the present span: what happens meanwhile does not belong to it."""

    def __init__(self, model: str, call: PlannedCall, request: ModelRequest) -> None:
        self._said: list[str] = []
        self._span = traces.start(
            f"chat {model}",
            kind="client",
            gen_ai__operation__name="chat",
            gen_ai__provider__name="clary" if call.provider_id == DEMO else "openai",
            gen_ai__request__model=model,
            gen_ai__request__max_tokens=request.max_tokens,
            gen_ai__request__temperature=request.temperature,
            gen_ai__conversation__id=call.session_id,
            clary__run_id=call.run_id,
            clary__root_run_id=call.root_run_id,
            clary__user_id=call.user_id,
        )
        self._span.content("gen_ai.input.messages", lambda: json_text.dumps_text([str(m) for m in request.messages]))

    def see(self, item: ModelItem) -> None:
        """Takes what the model said."""
        if isinstance(item, TextDelta):
            self._span.content("gen_ai.output.messages", lambda: self._so_far(item.text))
        elif isinstance(item, ModelDone):
            self._span.set(gen_ai__response__finish_reasons=(item.finish_reason,))

    def _so_far(self, text: str) -> str:
        self._said.append(text)
        return "".join(self._said)

    def used(self, model: str, usage: Usage | None) -> None:
        """Tokens of an attempt; those of the last one count."""
        if usage is not None:
            self._span.set(
                gen_ai__response__model=model,
                gen_ai__usage__input_tokens=usage.prompt_tokens,
                gen_ai__usage__output_tokens=usage.completion_tokens,
            )

    def fail(self, kind: str) -> None:
        """The call failed for good."""
        self._span.fail(kind)

    def end(self) -> None:
        """Nothing more comes."""
        self._span.end()
