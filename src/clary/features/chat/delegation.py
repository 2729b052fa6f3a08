"""Delegation: children of a run, side by side, and what their parent reads of them (stream-runtime.md 9.7)."""

import asyncio
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, cast

from clary.features.chat.config import Member, RunConfig
from clary.features.chat.execution import Outcome
from clary.features.chat.recording import RunRecorder
from clary.features.chat.tree import DELEGATE, MAX_SPAWNED, RunTree
from clary.kit import json_text
from clary.kit.ids import new_hex
from clary.kit.text import Text, cut
from clary.runtime.messages import ToolCall, ToolSpec
from clary.runtime.tools import ToolContext, ToolFailedError
from clary.runtime.toolset import parse_arguments

Json = dict[str, Any]
SPAWN = "sys_spawn_agent"
MAX_NAME = 64

AGENT_UNKNOWN = Text("未知的 Agent: {id}", "Unknown agent: {id}")
_ANCESTOR = Text("不能委托给自己或上级: {id}", "A task cannot go to oneself or to an agent above: {id}")
SESSION_UNKNOWN = Text("子会话不存在或不属于本会话: {id}", "No such sub-session here: {id}")
SESSION_BUSY = Text("子会话正在运行: {id}", "The sub-session is busy: {id}")
NO_MODEL = Text("Agent 没有可用的模型: {id}", "The agent has no model to use: {id}")
_TWICE = Text("同一个子会话被使用了两次: {id}", "The same sub-session is named twice: {id}")
_TOO_MANY = Text("子任务数量已达上限: {n}", "Limit of {n} sub-tasks reached")
_TOO_DEEP = Text("委托层级已达上限", "Delegation is too deep here")
_TOO_MANY_SPAWNED = Text("临时 Agent 数量已达上限: {n}", "Limit of {n} spawned agents reached")
_UNSAFE = re.compile(r"[^\w.-]+", re.UNICODE)


@dataclass(frozen=True, slots=True)
class DelegatedTask:
    """One task of a call. `session_id` names the child's session, an earlier one to go on with it."""

    position: int
    agent_id: str
    task_name: str
    original_task: str
    content: str
    session_id: str
    is_new: bool
    """The server gave the session its name; any other one must be there already."""


@dataclass(frozen=True, slots=True)
class StartedChild:
    """A child run that stands in the database: what it came to, or None while it is not over."""

    run_id: str
    session_id: str
    outcome: Outcome | None


class Children(Protocol):
    """Makes and executes child runs; rows and configuration are its business."""

    async def used_sessions(self, parent: RunRecorder, user_id: str) -> Sequence[str]:
        """Names that children of this session cannot have any more."""
        ...

    async def find(self, parent: "ParentRun", call_id: str) -> dict[str, StartedChild]:
        """The children that a call has already, by session id: an earlier process made them."""
        ...

    async def make(
        self, parent: "ParentRun", call_id: str, tasks: Sequence[DelegatedTask], problems: Sequence[Text]
    ) -> dict[str, StartedChild]:
        """Makes the children of a call, all or none; durable when this returns.

        Raises:
            NotDelegatedError: with the `problems` that were found before, and the further ones: sessions that are
                foreign, unknown or busy, agents that are gone or withdrawn.
        """
        ...

    async def execute(self, parent: "ParentRun", child: StartedChild) -> Outcome:
        """Runs a child to its end, waiting for a place first; what it used is its parent's too."""
        ...


class NotDelegatedError(Exception):
    """No task was begun, and why."""

    def __init__(self, problems: Sequence[Text]) -> None:
        super().__init__(len(problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class ParentRun:
    """The run that delegates."""

    tree: RunTree
    recorder: RunRecorder
    config: RunConfig

    @property
    def session_id(self) -> str:
        """Its session."""
        return self.recorder.lines.session_id

    @property
    def locale(self) -> str:
        """Language of texts for its model."""
        return self.config.locale

    def find_member(self, agent_id: str) -> Member | None:
        """A target by id: configured, inline, or in mode `fibre` spawned in this root run."""
        known = {member.agent_id: member for member in self.config.members}
        spawned = self.tree.spawned if self.config.mode == "fibre" else {}
        return known.get(agent_id) or spawned.get(agent_id)


class SessionNumbers:
    """Names of the children of one session: `<parent>_sub_<n>`, never the same twice."""

    def __init__(self, session_id: str, used: Iterable[str], given: Iterable[str] = ()) -> None:
        self._prefix = sub_prefix(session_id)
        self._given = set(given)
        self._used = {*used, *self._given}
        self._last = 0

    def next(self) -> str:
        """A new name."""
        while (name := f"{self._prefix}{self._last + 1}") in self._used:
            self._last += 1
        self._used.add(name)
        self._given.add(name)
        return name

    def gave(self, session_id: str) -> bool:
        """Whether this is a name of ours, for a child that is new."""
        return session_id in self._given


def sub_prefix(session_id: str) -> str:
    """What names of the children of a session begin with."""
    return f"{session_id}_sub_"


def named_sessions(arguments: Mapping[str, Any]) -> list[str]:
    """The sessions that a delegation names, whatever the model made of its arguments."""
    tasks = arguments.get("tasks")
    entries = cast("list[Any]", tasks) if isinstance(tasks, list) else []
    named = [cast("Json", each).get("session_id") for each in entries if isinstance(each, dict)]
    return [str(session_id) for session_id in named if session_id]


class CallCompletion:
    """Adds to calls what existing clients read in them (stream-runtime.md 4.5 rule 7)."""

    def __init__(self, session_id: str, numbers: SessionNumbers) -> None:
        self._session_id = session_id
        self._numbers = numbers

    def __call__(self, call: ToolCall) -> ToolCall:
        """The call with completed arguments; what is no object, or lacks what is completed, stays as it is.

        Whether the arguments are right is judged afterwards, by what the model wrote.
        """
        if call.name not in (DELEGATE, SPAWN, "questionnaire"):
            return call
        arguments = parse_arguments(call.arguments)
        if arguments is None:
            return call
        if call.name == "questionnaire":
            completed: Json = {**arguments, "questionnaire_id": f"{self._session_id}__questionnaire__{call.id}"}
        elif call.name == SPAWN:
            if "name" not in arguments:
                return call
            completed = {**arguments, "agent_name": arguments["name"]}
        else:
            tasks = _tasks_of(arguments)
            if tasks is None:
                return call
            completed = {**arguments, "tasks": [self._with_session(task) for task in tasks]}
        return ToolCall(call.id, call.name, json_text.dumps_text(completed))

    def _with_session(self, task: Any) -> Any:
        if not isinstance(task, dict):
            return task
        known = cast("Json", task)
        return known if known.get("session_id") else {**known, "session_id": self._numbers.next()}


def _tasks_of(arguments: Json) -> list[Any] | None:
    """The tasks of a delegation, which some models write as JSON in a text; None when there is no list of them."""
    given = arguments.get("tasks")
    if isinstance(given, str):
        given = (parse_arguments(f'{{"tasks": {given}}}') or {}).get("tasks")
    return cast("list[Any]", given) if isinstance(given, list) else None


class SpawnTool:
    """Makes a sub-agent that lives for this root run."""

    def __init__(self, spec: ToolSpec, parent: ParentRun) -> None:
        self.spec = spec
        self._parent = parent

    async def run(self, arguments: dict[str, Any], context: ToolContext) -> str:
        """See `Tool.run`."""
        spawned = self._parent.tree.spawned
        if len(spawned) >= MAX_SPAWNED:
            raise ToolFailedError(_TOO_MANY_SPAWNED.fill(n=str(MAX_SPAWNED)).render(self._parent.config.locale))
        agent_id = "agent_" + new_hex(8)
        spawned[agent_id] = spawned_member(agent_id, arguments)
        return f"Agent spawned. ID: {agent_id}."


def spawned_member(agent_id: str, arguments: Mapping[str, Any]) -> Member:
    """A member out of the arguments of `sys_spawn_agent`."""
    prompt = {"system_prompt": str(arguments.get("system_prompt", ""))}
    name = cut(str(arguments.get("name", "")), 100) or agent_id
    return Member(agent_id, name, cut(str(arguments.get("description", "")), 2000), prompt)


class DelegateTool:
    """Hands tasks to sub-agents and waits for all of them."""

    def __init__(self, spec: ToolSpec, parent: ParentRun, children: Children, numbers: SessionNumbers) -> None:
        self.spec = spec
        self._parent = parent
        self._children = children
        self._numbers = numbers

    async def run(self, arguments: dict[str, Any], context: ToolContext) -> str:
        """See `Tool.run`. Called again after a crash it goes on with the same children."""
        tasks = [self._task(at, raw) for at, raw in enumerate(arguments["tasks"])]
        started = await self._children.find(self._parent, context.tool_call_id)
        if not started:
            started = await self._begin(context.tool_call_id, tasks)
        outcomes = await self._all([started[task.session_id] for task in tasks])
        return "\n\n".join(_block(task, outcome) for task, outcome in zip(tasks, outcomes, strict=True))

    def _task(self, position: int, raw: Mapping[str, Any]) -> DelegatedTask:
        session_id = str(raw.get("session_id") or "")
        return DelegatedTask(
            position,
            str(raw["agent_id"]),
            str(raw["task_name"]),
            str(raw["original_task"]),
            str(raw["content"]),
            session_id,
            self._numbers.gave(session_id),
        )

    async def _begin(self, call_id: str, tasks: Sequence[DelegatedTask]) -> dict[str, StartedChild]:
        """All tasks are looked at before any begins; every problem is named."""
        tree, problems = self._parent.tree, self._problems(tasks)
        # Counted before anything is waited for: children of several parents may delegate in the same moment.
        tree.started += len(tasks)
        try:
            return await self._children.make(self._parent, call_id, tasks, problems)
        except NotDelegatedError as refused:
            tree.started -= len(tasks)
            texts = dict.fromkeys(problem.render(self._parent.config.locale) for problem in refused.problems)
            raise ToolFailedError("; ".join(texts)) from None

    def _problems(self, tasks: Sequence[DelegatedTask]) -> list[Text]:
        """What can be said without looking anything up."""
        parent, tree = self._parent, self._parent.tree
        problems: list[Text] = []
        if parent.config.depth >= tree.limits.depth:
            problems.append(_TOO_DEEP)
        if tree.started + len(tasks) > tree.limits.children:
            problems.append(_TOO_MANY.fill(n=str(tree.limits.children)))
        seen: set[str] = set()
        for task in tasks:
            if task.agent_id in (*parent.config.ancestors, parent.config.agent_id):
                problems.append(_ANCESTOR.fill(id=task.agent_id))
            elif parent.find_member(task.agent_id) is None:
                problems.append(AGENT_UNKNOWN.fill(id=cut(task.agent_id, 64)))
            if task.session_id in seen:
                problems.append(_TWICE.fill(id=cut(task.session_id, 64)))
            seen.add(task.session_id)
        return problems

    async def _all(self, started: Sequence[StartedChild]) -> list[Outcome]:
        slots, is_child = self._parent.tree.slots, self._parent.config.is_child
        if is_child:
            # A child that waits for its own children leaves its place to them.
            slots.leave()
        jobs = [asyncio.create_task(self._one(child)) for child in started]
        try:
            return await asyncio.gather(*jobs)
        finally:
            if is_child:
                slots.come_back()
            for job in jobs:
                job.cancel()
            # What a child writes at its end must be written before the parent's.
            await asyncio.gather(*jobs, return_exceptions=True)

    async def _one(self, child: StartedChild) -> Outcome:
        return child.outcome or await self._children.execute(self._parent, child)


def folder_of(task_name: str) -> str:
    """The folder of a task in the workspace; a name cannot lead anywhere else."""
    name = _UNSAFE.sub("_", task_name.strip()).strip("._-")
    return f"/workspace/tasks/{cut(name, MAX_NAME) or 'task'}/"


def task_text(task: DelegatedTask) -> str:
    """The first message of a child."""
    return (
        f"Original task: {task.original_task}\n\nYour part: {task.content}\n\n"
        f"Put files into {folder_of(task.task_name)}. Report with sys_finish_task when you are done."
    )


def _block(task: DelegatedTask, outcome: Outcome) -> str:
    return (
        f"=== Result from {task.agent_id} ===\nSubSessionID: {task.session_id}\n"
        f"Task finished: {outcome.status}. Result: {outcome.result}"
    )
