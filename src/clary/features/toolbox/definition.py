"""How a built-in tool is described, once for all languages."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

from clary.kit.text import Text
from clary.runtime.messages import Effect, ToolSpec
from clary.runtime.toolset import Language, words

BUILT_IN_SECONDS: Final = 120.0


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter; `schema` lacks only the description."""

    name: str
    schema: Mapping[str, Any]
    description: Text
    required: bool = False


@dataclass(frozen=True, slots=True)
class ToolDefinition:
    """A tool in all languages. `timeout_seconds` None: it bounds itself."""

    name: str
    description: Text
    parameters: tuple[Parameter, ...]
    effect: Effect
    parallel_safe: bool = True
    timeout_seconds: float | None = BUILT_IN_SECONDS
    path_arguments: tuple[str, ...] = field(default=())
    files_in: Callable[[Mapping[str, Any]], Sequence[str]] | None = None

    def spec(self, language: Language) -> ToolSpec:
        """The tool as a model is shown it."""
        return ToolSpec(
            name=self.name,
            description=words(self.description, language),
            parameters={
                "type": "object",
                "properties": {
                    parameter.name: {**parameter.schema, "description": words(parameter.description, language)}
                    for parameter in self.parameters
                },
                "required": [parameter.name for parameter in self.parameters if parameter.required],
            },
            effect=self.effect,
            parallel_safe=self.parallel_safe,
            timeout_seconds=self.timeout_seconds,
            path_arguments=self.path_arguments,
            files_in=self.files_in,
        )


class DefinedTool:
    """What all built-in tools share: their description."""

    definition: ClassVar[ToolDefinition]

    @property
    def spec(self) -> ToolSpec:
        """See `Tool.spec`; in Chinese."""
        return self.spec_in("zh")

    def spec_in(self, language: Language) -> ToolSpec:
        """The description in a language."""
        return self.definition.spec(language)
