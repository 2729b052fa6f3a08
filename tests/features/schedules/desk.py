"""Somebody with tasks, and a clock of tasks that looks when a test says so."""

import asyncio
from typing import Any

from features.chat.world import Chat

Json = dict[str, Any]


class Desk:
    """Alice, her agent, and the clock of tasks, which looks when a test says so."""

    def __init__(self, chat: Chat, agent_id: str) -> None:
        self.chat, self.agent_id = chat, agent_id

    async def ask(self, method: str, path: str, body: Any = None) -> Json:
        return (await self.chat.alice.call(method, f"/tasks{path}", body)).json()

    async def data(self, method: str, path: str, body: Any = None) -> Any:
        whole = await self.ask(method, path, body)
        assert whole["code"] == 200, whole
        return whole["data"]

    async def make(self, schedule: str, says: str = "[[play:plain]]", **more: Any) -> str:
        body = {"name": "Report", "description": says, "agent_id": self.agent_id, "schedule": schedule, **more}
        return (await self.data("POST", "", body))["task_id"]

    async def task(self, task_id: str) -> Json:
        return await self.data("GET", f"/{task_id}")

    async def history(self, task_id: str) -> list[Json]:
        return (await self.data("GET", f"/{task_id}/history"))["items"]

    async def statuses(self, task_id: str) -> list[str]:
        return [each["status"] for each in await self.history(task_id)]

    async def tick(self, **span: float) -> None:
        if span:
            self.chat.house.clock.move(**span)
            await self.chat.alice.sign_in()
        await self.chat.house.services.schedules.scheduler.tick()

    async def ended(self, task_id: str, count: int = 1) -> list[Json]:
        """The starts of a task, once so many have ended."""
        async with asyncio.timeout(60):
            while True:
                await self.tick()
                items = await self.history(task_id)
                if sum(each["ended_at"] is not None for each in items) >= count:
                    return items
                await asyncio.sleep(0.05)
