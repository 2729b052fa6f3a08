import { memo, useState } from "react";
import { useTexts } from "../../kit/i18n";
import { useRuntimeTexts } from "../../texts/runtime";
import { Icon, type IconName } from "../../ui/Icon";
import { Spinner } from "../../ui/Spinner";
import { toolTitle } from "../agents/tools";
import { ChildRows } from "./ChildRuns";
import { TodoList, todoItems } from "./TodoList";
import { ToolBody } from "./ToolBody";
import { argumentsOf, failureOf, summaryOf } from "./tool-facts";
import type { MessageLine, ToolCall } from "./wire";

const ICONS: Record<string, IconName> = {
  execute_shell_command: "terminal",
  execute_python_code: "terminal",
  execute_javascript_code: "terminal",
  file_read: "file",
  file_write: "file",
  file_update: "file",
  apply_patch: "file",
  list_dir: "folder",
  glob: "folder",
  grep: "search",
  todo_write: "list",
  todo_read: "list",
  sys_delegate_task: "branch",
  sys_spawn_agent: "agent",
  sys_finish_task: "check",
  load_skill: "skill",
  load_workflow: "skill",
  fetch_webpages: "globe",
  search_web_page: "globe",
  search_image_from_web: "image",
  analyze_image: "image",
  generate_image: "image",
  search_knowledge_base: "search",
  search_memory: "memory",
  save_memory: "memory",
  forget_memory: "memory",
  compress_conversation_history: "thought",
};

interface ToolCardProps {
  call: ToolCall;
  result?: MessageLine;
  progress?: string;
  /** The run of this call is still going on. */
  isLive: boolean;
  /** Of several task lists only the newest one is shown in full. */
  isNewestPlan: boolean;
}

/** One tool call from its announcement to its result. */
export const ToolCard = memo(function ToolCard(props: ToolCardProps) {
  const { call, result, progress, isLive, isNewestPlan } = props;
  const t = useTexts();
  const r = useRuntimeTexts();
  const [choice, setChoice] = useState<boolean | null>(null);
  const name = call.function.name ?? "";
  const args = argumentsOf(call);
  const failure = failureOf(result, t);
  const isRunning = result === undefined && isLive;
  // Live output is worth seeing while it comes; afterwards the card folds itself unless the person opened it.
  const isOpen = choice ?? (isRunning && progress !== undefined);
  const todos = isNewestPlan && failure === null ? todoItems(args, result) : null;
  const status = isRunning
    ? "running"
    : failure !== null
      ? "failed"
      : result === undefined
        ? "unknown"
        : "done";
  return (
    <div className={`tool ${status}`} data-tool={name} data-status={status}>
      <button type="button" className="tool-head" aria-expanded={isOpen} onClick={() => setChoice(!isOpen)}>
        <Icon name={ICONS[name] ?? "tool"} size={16} />
        <span className="tool-title">{toolTitle(r, name)}</span>
        <span className="tool-summary">{failure ?? summaryOf(name, args, result)}</span>
        <StatusMark status={status} />
      </button>
      {name === "sys_delegate_task" && <ChildRows args={args} isAnswered={result !== undefined} />}
      {todos !== null && !isOpen && <TodoList items={todos} />}
      {isOpen && <ToolBody name={name} args={args} result={result} progress={progress} failure={failure} />}
    </div>
  );
});

function StatusMark({ status }: { status: string }) {
  const t = useTexts();
  if (status === "running") return <Spinner label={t.running} />;
  if (status === "failed") return <Mark label={t.failed} icon="warning" />;
  if (status === "done") return <Mark label={t.done} icon="check" />;
  return null;
}

function Mark({ label, icon }: { label: string; icon: IconName }) {
  return (
    <span className="tool-mark" role="img" aria-label={label} title={label}>
      <Icon name={icon} size={15} />
    </span>
  );
}
