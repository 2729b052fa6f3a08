"""What a run's prompt says besides persona and rules: mode, listings, workspace notes (stream-runtime.md 9.4, 9.9)."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from clary.features.chat.config import RunConfig
from clary.kit import safe_paths
from clary.kit.text import cut
from clary.runtime.prompt import Language

MAX_DESCRIPTION: Final = 200
NOTE_FILES: Final = (
    ("AGENT.md", 8000),
    ("SOUL.md", 1000),
    ("USER.md", 1000),
    ("IDENTITY.md", 1000),
    ("MEMORY.md", 1000),
)
"""Notes a person put into the workspace, with how many characters of each are shown."""
TREE_ITEMS: Final = 5
TREE_DEPTH: Final = 2

_MODE_RULES: Final[dict[str, dict[Language, str]]] = {
    "fibre": {
        "zh": "## 协作\n- 可以用 sys_spawn_agent 创建子 Agent，并用 sys_delegate_task 把相互独立的工作并行交给它们；"
        "简单的事自己做。\n- 委托时写清目标、边界和期望的产出；拿到结果后自己核对并汇总。",
        "en": "## Working with others\n- Make sub-agents with sys_spawn_agent and hand them independent parts side by "
        "side with sys_delegate_task; do simple things yourself.\n- Say goal, limits and expected result of each part; "
        "check and join what comes back.",
        "pt": "## Trabalho em conjunto\n- Crie subagentes com sys_spawn_agent e entregue-lhes partes independentes com "
        "sys_delegate_task; faça você mesmo o que é simples.\n- Diga objetivo, limites e resultado esperado; verifique "
        "e reúna o que volta.",
    },
    "team": {
        "zh": "## 团队\n- 你负责协调下列成员，用 sys_delegate_task 分配任务，并汇总他们的结果。",
        "en": "## Team\n- You coordinate the members below: hand them tasks with sys_delegate_task, join the results.",
        "pt": "## Equipa\n- Coordene os membros abaixo: entregue tarefas com sys_delegate_task e reúna os resultados.",
    },
    "child": {
        "zh": "## 子任务\n- 你在完成上级 Agent 交给你的一部分工作；完成后用 sys_finish_task 报告结果。",
        "en": "## Sub-task\n- You do a part that another agent handed you; report with sys_finish_task at the end.",
        "pt": "## Subtarefa\n- Faz uma parte que outro agente lhe entregou; comunique com sys_finish_task no fim.",
    },
}
_TITLES: Final[dict[str, dict[Language, str]]] = {
    "skills": {
        "zh": "可用技能（用 load_skill 加载全文，文件位于 /workspace/skills/<名称>/）",
        "en": "Skills (load the whole text with load_skill; their files are in /workspace/skills/<name>/)",
        "pt": "Competências (carregue o texto com load_skill; ficheiros em /workspace/skills/<nome>/)",
    },
    "workflows": {
        "zh": "可用工作流（用 load_workflow 加载步骤）",
        "en": "Workflows (load the steps with load_workflow)",
        "pt": "Fluxos de trabalho (carregue os passos com load_workflow)",
    },
    "members": {"zh": "可委托的 Agent", "en": "Agents to delegate to", "pt": "Agentes a quem delegar"},
    "knowledge": {
        "zh": "知识库（用 search_knowledge_base 检索；依据检索结果回答时，在句末用 [n] 注明来源，n 是结果中的 ref）",
        "en": "Knowledge bases (search them with search_knowledge_base; where an answer rests on a result, cite it as "
        "[n], n being its ref)",
        "pt": "Bases de conhecimento (pesquise com search_knowledge_base; quando a resposta assenta num resultado, "
        "cite-o como [n], sendo n o seu ref)",
    },
    "tree": {"zh": "工作区", "en": "Workspace", "pt": "Área de trabalho"},
    "notes": {"zh": "关于用户的记忆", "en": "Notes about the person", "pt": "Notas sobre a pessoa"},
}


def mode_rules(config: RunConfig, language: Language) -> str:
    """Rules that come with the mode, and with being a child."""
    names = [config.mode] if config.mode == "fibre" or (config.mode == "team" and config.members) else []
    names += ["child"] if config.is_child else []
    return "\n\n".join(_MODE_RULES[name][language] for name in names)


def listings_of(config: RunConfig, language: Language) -> list[tuple[str, str]]:
    """Skills, workflows, knowledge bases and the agents to delegate to, as far as the run has them."""
    found: list[tuple[str, str]] = []
    if config.skills:
        lines = [f"- {skill.name}: {_line(skill.description)}" for skill in config.skills]
        found.append((_TITLES["skills"][language], "\n".join(lines)))
    if config.workflows:
        found.append((_TITLES["workflows"][language], "\n".join(f"- {name}" for name in config.workflows)))
    if config.knowledge_bases:
        # All of them, with all that their owners say: the model chooses by that where to look.
        lines = [f"- {base.id} ({_line(base.name)}): {_one_line(base.intro)}" for base in config.knowledge_bases]
        found.append((_TITLES["knowledge"][language], "\n".join(lines)))
    if config.members and config.mode in ("fibre", "team"):
        lines = [f"- {member.agent_id} ({member.name}): {_line(member.description)}" for member in config.members]
        found.append((_TITLES["members"][language], "\n".join(lines)))
    return found


def _line(text: str) -> str:
    return cut(_one_line(text), MAX_DESCRIPTION)


def _one_line(text: str) -> str:
    return " ".join(text.split())


def notes_of(workspace: Path) -> list[tuple[str, str]]:
    """Notes in the root of the workspace, in a fixed order. Blocks: call it in a thread."""
    found: list[tuple[str, str]] = []
    for name, length in NOTE_FILES:
        try:
            with safe_paths.open_for_read(workspace, name) as file:
                # A character has up to four bytes; what follows is cut anyhow.
                raw = file.read(4 * length)
        except safe_paths.PathError:
            continue
        text = raw.decode("utf-8", "replace").strip()
        if text:
            found.append((name, text[:length]))
    return found


async def workspace_tree(workspace: Path, language: Language, recalled: Sequence[str]) -> list[tuple[str, str]]:
    """What changes from call to call: recalled notes, and the workspace two levels deep."""
    facts: list[tuple[str, str]] = []
    if recalled:
        facts.append((_TITLES["notes"][language], "\n".join(f"  - {note}" for note in recalled)))
    lines = await asyncio.to_thread(_tree, workspace)
    if lines:
        facts.append((_TITLES["tree"][language], "\n".join(lines)))
    return facts


def _tree(workspace: Path) -> list[str]:
    return _branch(workspace, "", 1)


def _branch(workspace: Path, relative: str, depth: int) -> list[str]:
    try:
        entries = [entry for entry in safe_paths.scandir(workspace, relative) if not entry.name.startswith(".")]
    except safe_paths.PathError:
        return []
    lines: list[str] = []
    for entry in sorted(entries, key=lambda entry: entry.name)[:TREE_ITEMS]:
        is_folder = entry.kind == "directory"
        lines.append("  " * depth + safe_paths.printable(entry.name) + ("/" if is_folder else ""))
        if is_folder and depth < TREE_DEPTH:
            lines += _branch(workspace, f"{relative}/{entry.name}" if relative else entry.name, depth + 1)
    if len(entries) > TREE_ITEMS:
        lines.append("  " * depth + f"… {len(entries) - TREE_ITEMS}")
    return lines
