"""Which programs of this host a run would find."""

import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Final

INSIDE_PATH: Final = "/usr/local/bin:/usr/bin:/bin"
_MOUNTED: Final = ("/usr/", "/bin/", "/lib/", "/lib64/")


def visible_programs(names: Iterable[str]) -> frozenset[str]:
    """Those of the names that are installed in a folder which every run sees."""
    return frozenset(name for name in names if _is_visible(name))


def _is_visible(name: str) -> bool:
    place = shutil.which(name, path=INSIDE_PATH)
    # A link may lead to a folder that is not mounted inside.
    return place is not None and str(Path(place).resolve()).startswith(_MOUNTED)
