import { useTexts } from "../../kit/i18n";
import { CopyButton } from "../../ui/CopyButton";
import { Code } from "./CodeBlock";
import { Markdown } from "./Markdown";
import { TodoList, todoItems } from "./TodoList";
import { Findings } from "./ToolFindings";
import { Output } from "./ToolOutput";
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
  execute_python_code: (props) => <Program {...props} language="python" />,
  execute_javascript_code: (props) => <Program {...props} language="javascript" />,
  file_read: ({ args, result }) => (
    <FileText path={str(args.file_path)} text={str(resultOf(result).content)} />
  ),
  file_write: ({ args }) => <FileText path={str(args.file_path)} text={str(args.content)} />,
  file_update: ({ args }) => <FileChange args={args} />,
  apply_patch: ({ args }) => <Code code={str(args.patch)} language="diff" />,
  list_dir: ({ result }) => <Entries result={result} />,
  glob: ({ result }) => <Paths result={result} />,
  fetch_webpages: ({ result }) => <Findings result={result} />,
  search_web_page: ({ result }) => <Findings result={result} />,
  search_image_from_web: ({ result }) => <Findings result={result} />,
  search_knowledge_base: ({ result }) => <Findings result={result} />,
  search_memory: ({ result }) => <Findings result={result} />,
  analyze_image: ({ args, result }) => <ImageLook args={args} result={result} />,
  load_skill: ({ result }) => <Output text={readable(result)} />,
  load_workflow: ({ result }) => <Output text={readable(result)} />,
  sys_spawn_agent: (props) => <Spawned {...props} />,
  sys_finish_task: ({ args }) => <Markdown text={str(args.result)} />,
  compress_conversation_history: ({ result }) => <Markdown text={summaryText(result)} />,
  grep: ({ result }) => <Matches result={result} />,
  todo_write: ({ args, result }) => <TodoList items={todoItems(args, result) ?? []} />,
  sys_delegate_task: ({ result }) => <Output text={readable(result)} />,
};

function Shell(props: BodyProps) {
  const command = str(props.args.command);
  return (
    <>
      <div className="shell-command">
        <code>{command}</code>
        <CopyButton text={command} />
      </div>
      <Printed {...props} />
    </>
  );
}

function Program({ language, ...props }: BodyProps & { language: string }) {
  return (
    <>
      <Code code={str(props.args.code)} language={language} />
      <Printed {...props} />
    </>
  );
}

/** What a program has printed: live while it runs, then as its result has it. */
function Printed({ result, progress }: BodyProps) {
  const t = useTexts();
  const values = resultOf(result);
  const stdout = result === undefined ? (progress ?? "") : str(values.stdout) || str(values.output);
  const stderr = str(values.stderr) || (values.error === true ? "" : str(values.error));
  const isSilent = result !== undefined && stdout === "" && stderr === "" && !result.is_error;
  return (
    <>
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

function Paths({ result }: { result?: MessageLine }) {
  const t = useTexts();
  const { files } = resultOf(result);
  if (!Array.isArray(files)) return null;
  if (files.length === 0) return <p className="hint">{t.nothingFound}</p>;
  return <Output text={files.map(str).join("\n")} />;
}

function ImageLook({ args, result }: { args: Values; result?: MessageLine }) {
  const { data } = resultOf(result);
  return (
    <>
      <p className="file-path">{str(args.image_path)}</p>
      {isObject(data) && <Markdown text={str(data.description)} />}
    </>
  );
}

/** An agent that was made for this run only. */
function Spawned({ args, result }: BodyProps) {
  return (
    <>
      <p>{str(args.description)}</p>
      <Code code={str(args.system_prompt)} language="" />
      {result !== undefined && <p className="hint">{readable(result)}</p>}
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

function readable(result: MessageLine | undefined): string {
  if (result === undefined) return "";
  return isObject(result.content) ? JSON.stringify(result.content, null, 2) : textOf(result);
}

const summaryText = (result: MessageLine | undefined): string =>
  str(resultOf(result).summary) || readable(result);
