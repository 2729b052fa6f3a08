"""Kinds of import contracts that import-linter does not have; `.importlinter` names and uses them."""

from typing import NamedTuple, cast

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output
from importlinter.domain.helpers import module_expressions_to_modules
from importlinter.domain.imports import ModuleExpression


class Trespass(NamedTuple):
    """An import that enters a package beside its doors."""

    importer: str
    imported: str
    lines: tuple[int, ...]


class DoorsContract(Contract):
    """The packages of a container are entered from outside only through modules of certain names.

    Imports inside one package are free. A door that is a package is entered at its front, not at a module within.

    Fields: `container`, the parent of the packages; `doors`, the names; `importers`, to whom the rule applies, with
    everything below them.
    """

    type_name = "doors"

    container = fields.ModuleField()
    doors = fields.SetField(subfield=fields.StringField())
    importers = fields.SetField(subfield=fields.ModuleExpressionField())

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        """Kept if nobody trespasses; direct imports count, since what a door leads to is its own business."""
        expressions = cast(set[ModuleExpression], self.importers)
        visitors = {module.name for module in module_expressions_to_modules(graph, expressions, as_packages=True)}
        packages = graph.find_children(str(self.container))
        trespasses = [found for package in sorted(packages) for found in self._trespasses(graph, package, visitors)]
        return ContractCheck(kept=not trespasses, metadata={"trespasses": trespasses})

    def _trespasses(self, graph: ImportGraph, package: str, visitors: set[str]) -> list[Trespass]:
        inside = {package, *graph.find_descendants(package)}
        doors = {f"{package}.{door}" for door in cast(set[str], self.doors)}
        return [
            Trespass(importer, room, _lines(graph, importer, room))
            for room in sorted(inside - doors)
            for importer in sorted((graph.find_modules_that_directly_import(room) & visitors) - inside)
        ]

    def render_broken_contract(self, check: ContractCheck) -> None:
        """Names each import, and the doors there are."""
        for importer, imported, lines in check.metadata["trespasses"]:
            output.print_error(f"- {importer} -> {imported} (l.{', '.join(map(str, lines))})", bold=False)
        output.new_line()
        output.print(f"Doors: {', '.join(sorted(cast(set[str], self.doors)))}.")


def _lines(graph: ImportGraph, importer: str, imported: str) -> tuple[int, ...]:
    details = graph.get_import_details(importer=importer, imported=imported)
    return tuple(sorted({detail["line_number"] for detail in details}))
