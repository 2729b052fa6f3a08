/** What the fake agent says. A word of the question chooses the script: tools, fail,
 * drop, retry, long, slowly, hotel, ask me, plan it, in the text, later, permission, delegate, research. */
import { randomUUID } from "node:crypto";
import { CITING, RULES_DOCUMENT, TRAVEL } from "./fake-knowledge.mjs";
import { asking, askingLater, delegating, needingPermission, planning, researching } from "./fake-work.mjs";

export const pieces = (text) => text.match(/[\s\S]{1,7}/gu) ?? [];

export function say(text, { type = "do_subtask_result", pause = 45, id = randomUUID() } = {}) {
  return pieces(text).map((content) => [pause, { type, content, message_id: id }]);
}

export function tool(name, args, result, { pause = 700, progress = [], isError = false } = {}) {
  const id = `call_${randomUUID().slice(0, 8)}`;
  const call = { id, type: "function", function: { name, arguments: JSON.stringify(args) } };
  const answer = { role: "tool", type: "tool_call_result", tool_call_id: id, content: result };
  if (isError) answer.is_error = true;
  return [
    [150, { type: "tool_call", tool_calls: [call], message_id: randomUUID() }],
    ...progress.map((text) => [
      250,
      {
        type: "tool_progress",
        tool_call_id: id,
        text,
        stream: "stdout",
        closed: false,
        ts: Date.now() / 1000,
      },
    ]),
    [pause, { ...answer, message_id: randomUUID() }],
  ];
}

function todo(statuses) {
  const names = ["Look at the workspace", "Write the script", "Run it and check the output"];
  const tasks = names.map((content, index) => ({ id: `t${index + 1}`, content, status: statuses[index] }));
  const listed = tasks.map(({ id, content, status }, index) => ({ index, id, name: content, status }));
  return tool("todo_write", { tasks }, { summary: "3 tasks", tasks: listed }, { pause: 200 });
}

const PLAIN = `This is a **scripted demo answer**, so nothing real was computed. 它也能说中文，包括表情 🎉。

## What you see

1. Text arrives while it is written.
2. Code is coloured when it is complete:

\`\`\`python
def primes(limit: int) -> list[int]:
    """All primes below the limit."""
    sieve = [True] * limit
    for n in range(2, int(limit**0.5) + 1):
        if sieve[n]:
            sieve[n * n :: n] = [False] * len(sieve[n * n :: n])
    return [n for n in range(2, limit) if sieve[n]]
\`\`\`

| Part | State | Note |
|---|---|---|
| Stream | works | resumes at the exact line |
| Tables | work | scroll on a phone |

> Connect a real model to get real answers. See the [project page](https://example.com/clary).
`;

const LONG = Array.from(
  { length: 24 },
  (_, index) =>
    `Paragraph ${index + 1}: the quick brown fox jumps over the lazy dog, 第${index + 1}段文字。\n\n`,
).join("");

const THOUGHT =
  "They want to see how an answer looks. I show text, a table and some code, and keep it short.";

const SUGGESTIONS = ["What else can you do?", "Run the tools once more", "How do I connect a model?"];
const suggest = () => [
  [
    200,
    {
      type: "query_suggest",
      content: SUGGESTIONS.map((text) => `- ${text}`).join("\n"),
      message_id: randomUUID(),
      metadata: { suggestions: SUGGESTIONS },
    },
  ],
];

function work() {
  const code = 'print("hello from the workspace")\n';
  return [
    ...say("The person asks for real work. First a plan, then the file, then the run.", {
      type: "reasoning_content",
    }),
    ...say("I will plan this first."),
    ...todo(["in_progress", "pending", "pending"]),
    ...tool(
      "list_dir",
      { path: "." },
      {
        status: "success",
        path: ".",
        entries: [
          { name: "notes", path: "notes", type: "directory", size: 0 },
          { name: "data.csv", path: "data.csv", type: "file", size: 812 },
        ],
      },
    ),
    ...tool(
      "file_read",
      { file_path: "/workspace/runbook.md" },
      {
        error: true,
        error_type: "EXECUTION_ERROR",
        message: "文件不存在: /workspace/runbook.md",
        tool_name: "file_read",
      },
      { isError: true },
    ),
    ...todo(["completed", "in_progress", "pending"]),
    ...tool(
      "file_write",
      { file_path: "/workspace/hello.py", content: code },
      {
        status: "success",
        message: "written",
        file_path: "/workspace/hello.py",
        content_length: code.length,
      },
    ),
    ...tool(
      "execute_shell_command",
      { command: "python3 hello.py && ls -l" },
      {
        success: true,
        stdout: "hello from the workspace\n-rw-r--r-- 1 agent agent 34 hello.py\n",
        stderr: "warning: demo only\n",
        return_code: 0,
        execution_time: 0.21,
      },
      { progress: ["hello from ", "the workspace\n", "-rw-r--r-- 1 agent"] },
    ),
    ...todo(["completed", "completed", "completed"]),
    ...say("Done. The script is in [hello.py](/workspace/hello.py) and prints `hello from the workspace`."),
    ...suggest(),
  ];
}

function failure() {
  const message = "模型服务认证失败，请检查模型提供商的 API Key";
  const error_info = { kind: "provider_auth", message, retryable: false };
  return [
    ...say("Let me see", { pause: 30 }),
    [
      100,
      {
        type: "error",
        content: "MCP server docs is not reachable",
        message_id: randomUUID(),
        error_info: { kind: "mcp_unreachable", message: "MCP server docs is not reachable" },
      },
    ],
    [
      300,
      {
        type: "normal",
        content: "The round limit was reached. Say “go on” to continue.",
        message_id: randomUUID(),
      },
    ],
    [
      300,
      { type: "final_answer", content: `工作流执行失败: ${message}`, message_id: randomUUID(), error_info },
    ],
  ];
}

function retried() {
  const id = randomUUID();
  return [
    ...say("This attempt will break off in the mid", { id }),
    [300, { type: "do_subtask_result", content: "", message_id: id, metadata: { superseded: true } }],
    ...say("This is the answer that counts."),
  ];
}

const IN_TEXT = `Two things first:

\`\`\`questionnaire
title: Before I begin
questions:
  - type: single_choice
    text: How long shall it be?
    options: [One page, Three pages]
  - type: free_text
    text: Who reads it?
\`\`\`
`;

const hotel = () => [
  ...tool(
    "search_knowledge_base",
    { query: "hotel Berlin" },
    {
      success: true,
      search_results: [
        {
          ref: 1,
          kdb_id: TRAVEL,
          kdb_name: "Travel rules",
          doc_id: RULES_DOCUMENT,
          title: "travel-rules.pdf",
          page: 1,
          doc_content: "A night costs at most 140 EUR, in Munich, Hamburg and Berlin at most 180 EUR.",
          start: 248,
          end: 325,
        },
      ],
    },
  ),
  ...say(CITING),
];

export function scriptFor(text, agent, sessionId) {
  const has = (word) => text.toLowerCase().includes(word);
  if (has("questionnaire-response")) return say("Thank you, now I know enough.");
  if (has("in the text")) return say(IN_TEXT);
  if (has("hotel")) return hotel();
  if (has("ask me")) return asking(sessionId);
  if (has("plan it")) return planning(sessionId);
  if (has("later")) return askingLater();
  if (has("permission")) return needingPermission(sessionId);
  if (has("delegate")) return delegating(sessionId);
  if (has("research")) return researching();
  if (has("slowly")) return say(LONG, { pause: 120 });
  if (has("fail")) return failure();
  if (has("retry")) return retried();
  if (has("tool") || has("script")) return work();
  if (has("long") || has("drop")) return say(LONG, { pause: 30 });
  return [
    ...say(THOUGHT, { type: "reasoning_content" }),
    ...say(PLAIN, { pause: 30 }),
    ...(agent.moreSuggest ? suggest() : []),
  ];
}
