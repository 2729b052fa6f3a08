"""YAML that a stranger wrote: plain values only, bounded in size, depth and what its anchors unfold to.

The nodes are composed first and measured before any value is built from them, so that an alias is never unfolded.
"""

from typing import Any, Final, cast

import yaml

MAX_BYTES: Final = 64 * 1024
MAX_DEPTH: Final = 10
MAX_ALIASED_NODES: Final = 100


class BoundedYamlError(ValueError):
    """Not YAML as it is accepted here. Says nothing of the text."""


def load_mapping(text: str) -> dict[str, Any]:
    """The mapping a document consists of; keys are texts, values texts, lists and mappings, or what a safe tag says.

    Raises:
        BoundedYamlError: over 64 KiB, deeper than 10, aliases that stand for more than 100 nodes, a tag beyond the
            safe ones, several documents, a key twice, or no mapping.
    """
    if len(text.encode("utf-8", "surrogatepass")) > MAX_BYTES:
        raise BoundedYamlError("too long")
    try:
        value = _constructed(text)
    except (yaml.YAMLError, ValueError, TypeError, RecursionError, OverflowError):
        raise BoundedYamlError("not readable") from None
    return {str(key): each for key, each in cast("dict[Any, Any]", value).items()}


def _constructed(text: str) -> Any:
    loader = cast("Any", _Loader(text))
    try:
        node = loader.get_single_node()
        if not isinstance(node, yaml.MappingNode):
            raise BoundedYamlError("no mapping")
        _Measure().walk(node, 1)
        return loader.construct_document(node)
    finally:
        loader.dispose()


class _Loader(yaml.SafeLoader):
    """Takes every untagged value for a text, and stops at depth, before the interpreter's own limit is met."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.yaml_implicit_resolvers = {}
        self._depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        """See the base class."""
        self._depth += 1
        if self._depth > MAX_DEPTH + 1:
            raise BoundedYamlError("too deep")
        try:
            return super().compose_node(parent, index)  # pyright: ignore[reportUnknownMemberType]
        finally:
            self._depth -= 1


class _Measure:
    """Counts what a tree of nodes would unfold to."""

    def __init__(self) -> None:
        self._seen: set[int] = set()
        self._aliased = 0

    def walk(self, node: Any, depth: int, *, inside_alias: bool = False) -> None:
        if depth > MAX_DEPTH:
            raise BoundedYamlError("too deep")
        is_alias = inside_alias or id(node) in self._seen
        if is_alias:
            self._aliased += 1
            if self._aliased > MAX_ALIASED_NODES:
                raise BoundedYamlError("too many aliases")
        self._seen.add(id(node))
        if isinstance(node, yaml.MappingNode):
            self._walk_mapping(node, depth, is_alias)
        elif isinstance(node, yaml.SequenceNode):
            for each in cast("list[Any]", node.value):
                self.walk(each, depth + 1, inside_alias=is_alias)

    def _walk_mapping(self, node: yaml.MappingNode, depth: int, is_alias: bool) -> None:
        keys: set[str] = set()
        for key, value in cast("list[tuple[Any, Any]]", node.value):
            if not isinstance(key, yaml.ScalarNode) or key.value in keys:
                raise BoundedYamlError("a key is no text, or there twice")
            keys.add(str(key.value))
            self.walk(value, depth + 1, inside_alias=is_alias)
