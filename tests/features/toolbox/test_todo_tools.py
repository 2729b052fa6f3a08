"""todo_write, todo_read (stream-runtime.md 9.5, 9.6)."""

import pytest

from clary.runtime.tools import ToolFailedError

pytestmark = pytest.mark.anyio


async def test_a_list_is_written_merged_and_read(bench) -> None:
    tasks = [{"id": "1", "content": "first", "completed": True}, {"id": 2, "content": "second"}]
    assert await bench.call("todo_write", tasks=tasks) == {
        "summary": "任务清单共 2 项，已完成 1 项",
        "tasks": [
            {"index": 0, "id": "1", "name": "first", "status": "completed"},
            {"index": 1, "id": "2", "name": "second", "status": "pending"},
        ],
    }
    await bench.call("todo_write", tasks=[{"id": "2", "status": "failed", "conclusion": "no", "user_id": "x"}])
    assert await bench.call("todo_read", "en") == "2 tasks, 1 completed\n[x] 1. first\n[!] 2. second → no"


async def test_an_empty_list_says_so(bench) -> None:
    assert await bench.call("todo_read") == "任务清单为空"


@pytest.mark.parametrize(
    "tasks",
    [
        [],
        "x",
        [{"content": "x"}],
        [{"id": "1"}, {"id": 1}],
        [{"id": "1", "status": "odd"}],
        [{"id": str(n)} for n in range(101)],
    ],
)
async def test_a_bad_list_changes_nothing(bench, tasks) -> None:
    with pytest.raises(ToolFailedError) as failure:
        await bench.call("todo_write", tasks=tasks)
    assert failure.value.error_type == "INVALID_ARGUMENTS"
    assert await bench.todos.read() == []


async def test_an_id_has_an_end(bench) -> None:
    with pytest.raises(ToolFailedError) as failure:
        await bench.call("todo_write", "en", tasks=[{"id": "x" * 129, "content": "work"}])
    assert (failure.value.error_type, failure.value.message) == (
        "INVALID_ARGUMENTS",
        "A task id is longer than 128 characters",
    )
    await bench.call("todo_write", tasks=[{"id": "x" * 128, "content": "work"}])
