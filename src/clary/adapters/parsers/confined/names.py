"""What names say."""


def ending_of(name: str) -> str:
    """The end of a file name, in lower case."""
    return name.rpartition("/")[2].rpartition(".")[2].lower() if "." in name else ""
