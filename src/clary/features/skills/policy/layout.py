"""Where in an archive the skill lies (product.md 7.4)."""

from collections.abc import Collection, Sequence
from typing import Final

from clary.features.skills.policy.front_matter import SKILL_FILE

_LEFT_OUT: Final = frozenset({"__pycache__", "node_modules", "__MACOSX"})
_MOST_NAMED: Final = 20


class NoSkillError(ValueError):
    """No `SKILL.md` where it may stand."""


class SeveralSkillsError(ValueError):
    """More than one skill; `folders` name them."""

    def __init__(self, folders: Sequence[str]) -> None:
        super().__init__()
        self.folders = folders


def is_left_out(path: str) -> bool:
    """Dot files and what tools leave behind, at any depth."""
    return any(part.startswith(".") or part in _LEFT_OUT for part in path.split("/"))


def find_folder(paths: Collection[str], subpath: str | None) -> str:
    """The folder of the skill, "" for the root: the root, the only top folder with a skill, or what `subpath` names.

    One folder that encloses everything, as in archives of git hosts, is looked through.

    Raises:
        NoSkillError, SeveralSkillsError
    """
    kept = [path for path in paths if not is_left_out(path)]
    skills = {path[: -len(SKILL_FILE)].rstrip("/") for path in kept if path.split("/")[-1] == SKILL_FILE}
    enclosing = _enclosing(kept)
    if subpath is not None:
        return _named(skills, enclosing, subpath)
    for above in dict.fromkeys(("", enclosing)):
        if above in skills:
            return above
        found = sorted(folder for folder in skills if _parent(folder) == above)
        if len(found) > 1:
            raise SeveralSkillsError([_below(folder, enclosing) for folder in found[:_MOST_NAMED]])
        if found:
            return found[0]
    raise NoSkillError


def _named(skills: Collection[str], enclosing: str, subpath: str) -> str:
    wanted = "/".join(part for part in subpath.replace("\\", "/").split("/") if part not in ("", "."))
    wanted = wanted.removesuffix(f"/{SKILL_FILE}") if wanted != SKILL_FILE else ""
    for folder in (wanted, f"{enclosing}/{wanted}".strip("/")):
        if folder in skills:
            return folder
    raise NoSkillError


def _enclosing(paths: Collection[str]) -> str:
    tops = {path.split("/")[0] if "/" in path else "" for path in paths}
    return tops.pop() if len(tops) == 1 else ""


def _parent(folder: str) -> str | None:
    return None if not folder else folder.rpartition("/")[0]


def _below(folder: str, enclosing: str) -> str:
    return folder.removeprefix(f"{enclosing}/") if enclosing else folder
