"""What a document's row says to people, and where its file lies (contract product 5.4, 5.5)."""

from typing import Final, NamedTuple

from clary.kit.text import Text, same

PENDING: Final = 0
PROCESSING: Final = 1
SUCCESS: Final = 2
FAILED: Final = 3
OPEN: Final = (PENDING, PROCESSING)

MAX_EXTENSION: Final = 16
WINDOW_CHARS: Final = 100_000

_OUTCOMES: Final[dict[str, Text]] = {
    "unsupported": Text("不支持的文件格式: {ext}", "Unsupported file format: {ext}"),
    "encrypted": Text("文件已加密，无法读取", "The file is encrypted and cannot be read"),
    "damaged": Text("文件已损坏，无法解析", "The file is damaged and cannot be parsed"),
    "too_large": Text("文件过大或解析超出限制", "The file is too large or exceeds the parsing limits"),
    "empty": Text("文件没有可提取的文字（可能是扫描件）", "The file contains no extractable text (it may be a scan)"),
}
_TROUBLE: Final = Text("处理失败，请稍后重试", "Processing failed, please try again later")
_CANCELLED: Final = Text("已取消", "Cancelled")
_NO_EXTENSION: Final = Text("无扩展名", "no extension")
_QA_REASONS: Final = {
    "one_column": Text("只有一列", "only one column"),
    "no_rows": Text("没有数据行", "no rows"),
    "encrypted": Text("文件已加密", "the file is encrypted"),
    "damaged": Text("文件已损坏", "the file is damaged"),
    "too_large": Text("文件过大", "the file is too large"),
}
_UNREADABLE: Final = Text("无法读取", "it cannot be read")


def outcome_text(*, outcome: str | None, error_kind: str | None, extension: str) -> Text | None:
    """Why a document failed, in words; None where there is nothing to say."""
    if error_kind is not None:
        return _CANCELLED if error_kind == "cancelled" else _TROUBLE
    if outcome is None or outcome == "ok":
        return None
    shown = same(f".{extension}") if extension else _NO_EXTENSION
    text = _OUTCOMES[outcome]
    return Text(text.fill(ext=shown.zh).zh, text.fill(ext=shown.en).en)


def qa_reason(reason: str) -> Text:
    """Why a file is no QA file, in words; `reason` is a slug of the parser or an outcome."""
    return _QA_REASONS.get(reason, _UNREADABLE)


def extension_of(name: str) -> str:
    """The lower-case extension without its dot; "" when there is none worth the name."""
    stem, _, ending = name.rpartition(".")
    return ending.lower() if stem and len(ending) <= MAX_EXTENSION else ""


def kind_of(*, extension: str, base_type: str) -> str:
    """`type` of a document."""
    if base_type == "qa":
        return "qa"
    return "eml" if extension == "eml" else "file"


class TaskCounts(NamedTuple):
    """The documents of a task by what became of them."""

    success: int
    fail: int
    processing: int
    pending: int

    @property
    def total(self) -> int:
        """All that are left of it."""
        return sum(self)

    @property
    def percent(self) -> float:
        """What has ended, as whole percents; a task without documents has ended."""
        return float(100 * (self.success + self.fail) // self.total) if self.total else 100.0


class FileKey(NamedTuple):
    """Where a document's file lies, and since when (whole epoch seconds)."""

    kdb_id: str
    doc_id: str
    since: int

    def __str__(self) -> str:
        """The key in the store."""
        return f"{self.kdb_id}/{self.doc_id[:2]}/{self.doc_id}.{self.since:x}"


def parse_key(key: str) -> FileKey | None:
    """The parts of a key that this server made; None for anything else."""
    folder, _, name = key.rpartition("/")
    doc_id, _, since = name.partition(".")
    try:
        found = FileKey(folder.partition("/")[0], doc_id, int(since, 16))
    except ValueError:
        return None
    return found if str(found) == key else None


def clip_window(start: int, end: int | None, total: int) -> tuple[int, int]:
    """The stretch of a text that is shown: inside it, and not over 100,000 characters."""
    first = min(start, total)
    last = min(first + WINDOW_CHARS, total if end is None else min(end, total))
    return first, max(first, last)
