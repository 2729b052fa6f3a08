"""Gives a workspace to the account its programs run as, when the server itself is root."""

import os
import stat
from pathlib import Path

_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def give_to(workspace: Path, uid: int) -> None:
    """Makes `uid` the owner (and group) of everything in a folder.

    Links are never followed, and folders are entered by descriptor, so that a program running there at the same time
    cannot lead this to a file outside. What vanishes meanwhile is passed over.
    """
    waiting = [os.open(workspace, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)]
    try:
        while waiting:
            folder = waiting.pop()
            try:
                _give_folder(folder, uid, waiting)
            finally:
                os.close(folder)
    finally:
        for folder in waiting:
            os.close(folder)


def _give_folder(folder: int, uid: int, waiting: list[int]) -> None:
    if os.fstat(folder).st_uid != uid:
        os.fchown(folder, uid, uid)
    below: list[str] = []
    with os.scandir(folder) as items:
        for item in items:
            try:
                facts = item.stat(follow_symlinks=False)
                # A file with a second name may be known outside as well; programs here cannot make such names.
                if facts.st_uid != uid and (stat.S_ISDIR(facts.st_mode) or facts.st_nlink == 1):
                    os.chown(item.name, uid, uid, dir_fd=folder, follow_symlinks=False)
            except FileNotFoundError:
                continue
            if stat.S_ISDIR(facts.st_mode):
                below.append(item.name)
    for name in below:
        try:
            waiting.append(os.open(name, _FLAGS, dir_fd=folder))
        except (FileNotFoundError, NotADirectoryError):
            continue
