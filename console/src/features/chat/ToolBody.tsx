import { useContext } from "react";
import { useTexts } from "../../kit/i18n";
import { CopyButton } from "../../ui/CopyButton";
import { ChildrenContext } from "./ChildRuns";
import { Code } from "./CodeBlock";
import { TodoList, todoItems } from "./TodoList";
import { isObject, languageOfPath, resultOf, str, type Values } from "./tool-facts";
import { textOf } from "./transcript";
import type { MessageLine } from "./wire";

interface BodyProps {
  name: string;
  args: Values;
  result?: MessageLine;
  progress?: string;
  failure: string | null;
}

/** The open part of a tool card, with an own form for the tools people see most. */
export function ToolBody(props: BodyProps) {
  const special = SPECIAL[props.name];
  return (
    <div className="tool-body">
      {special ? special(props) : <Generic {...props} />}
      {special && props.result?.is_error && <Output text={props.failure ?? ""} isError />}
    </div>
  );
}

const SPECIAL: Record<string, (props: BodyProps) => React.ReactNode> = {
  execute_shell_command: (props) => <Shell {...props} />,
  file_read: ({ args, result }) => (
    <FileText path={str(args.file_path)} text={str(resultOf(result).content)} />
  ),
  file_write: ({ args }) => <FileText path={str(args.file_path)} text={str(args.content)} />,
  file_update: ({ args }) => <FileChange args={args} />,
  list_dir: ({ result }) => <Entries result={result} />,
  grep: ({ result }) => <Matches result={result} />,
  todo_write: ({ args, result }) => <TodoList items={todoItems(args, result) ?? []} />,
  sys_delegate_task: (props) => <Delegation {...props} />,
};

function Shell({ args, result, progress }: BodyProps) {
  const t = useTexts();
  const values = resultOf(result);
  const stdout = result === undefined ? (progress ?? "") : str(values.stdout);
  const stderr = str(values.stderr);
  const isSilent = result !== undefined && stdout === "" && stderr === "" && !result.is_error;
  return (
    <>
      <div className="shell-command">
        <code>{str(args.command)}</code>
        <CopyButton text={str(args.command)} />
      </div>
      {stdout !== "" && <Output text={stdout} />}
      {stderr !== "" && <Output text={stderr} isError />}
      {isSilent && <p className="hint">{t.noOutput}</p>}
      {typeof values.return_code === "number" && (
        <p className="hint">
          {t.exitCode(values.return_code)}
          {typeof values.execution_time === "number" && ` · ${values.execution_time.toFixed(2)} s`}
        </p>
      )}
    </>
  );
}

function FileText({ path, text }: { path: string; text: string }) {
  return (
    <>
      <p className="file-path">{path}</p>
      {text !== "" && <Code code={text} language={languageOfPath(path)} />}
    </>
  );
}

function FileChange({ args }: { args: Values }) {
  const lines = (mark: string, text: string) =>
    text
      .split("\n")
      .map((line) => `${mark} ${line}`)
      .join("\n");
  const change = `${lines("-", str(args.search_pattern))}\n${lines("+", str(args.replacement))}`;
  return (
    <>
      <p className="file-path">{str(args.file_path)}</p>
      <Code code={change} language="diff" />
    </>
  );
}

function Entries({ result }: { result?: MessageLine }) {
  const { entries } = resultOf(result);
  if (!Array.isArray(entries)) return null;
  const lines = entries.filter(isObject).map((entry) => {
    const name = str(entry.path) || str(entry.name);
    return entry.type === "dir" || entry.type === "directory" ? `${name}/` : name;
  });
  return <Output text={lines.join("\n")} />;
}

function Matches({ result }: { result?: MessageLine }) {
  const t = useTexts();
  const { matches } = resultOf(result);
  if (!Array.isArray(matches)) return null;
  if (matches.length === 0) return <p className="hint">{t.nothingFound}</p>;
  const lines = matches
    .filter(isObject)
    .map((match) => `${str(match.path)}:${str(match.line_number)}: ${str(match.line)}`);
  return <Output text={lines.join("\n")} />;
}

/** The work of other agents, in their own little transcripts. */
function Delegation(props: BodyProps) {
  const renderChild = useContext(ChildrenContext);
  const tasks = Array.isArray(props.args.tasks) ? props.args.tasks.filter(isObject) : [];
  return (
    <>
      {tasks.map((task) => (
        <details key={str(task.session_id)} className="child-run">
          <summary>{str(task.task_name) || str(task.agent_id)}</summary>
          {renderChild(str(task.session_id))}
        </details>
      ))}
      {props.result !== undefined && <Output text={readable(props.result)} />}
    </>
  );
}

function Generic({ args, result, progress }: BodyProps) {
  const t = useTexts();
  return (
    <>
      <p className="tool-part">{t.toolArguments}</p>
      <Code code={JSON.stringify(args, null, 2)} language="json" />
      {result === undefined && progress !== undefined && <Output text={progress} />}
      {result !== undefined && (
        <>
          <p className="tool-part">{t.toolResult}</p>
          {isObject(result.content) ? (
            <Code code={JSON.stringify(result.content, null, 2)} language="json" />
          ) : (
            <Output text={textOf(result)} isError={result.is_error} />
          )}
        </>
      )}
    </>
  );
}

const readable = (result: MessageLine): string =>
  isObject(result.content) ? JSON.stringify(result.content, null, 2) : textOf(result);

function Output({ text, isError = false }: { text: string; isError?: boolean }) {
  return (
    <div className={isError ? "output error" : "output"}>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a box that scrolls must be reachable by keyboard */}
      <pre tabIndex={0}>{text.replace(/\n$/, "")}</pre>
      <CopyButton text={text} />
    </div>
  );
}
