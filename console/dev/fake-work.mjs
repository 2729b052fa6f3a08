/** What the fake agent does when it asks, needs consent, or hands work to others. */
import { randomUUID } from "node:crypto";
import { say, tool } from "./fake-scripts.mjs";

const callLine = (id, name, args, more = {}) => ({
  type: "tool_call",
  tool_calls: [{ id, type: "function", function: { name, arguments: JSON.stringify(args) } }],
  message_id: randomUUID(),
  ...more,
});
const resultLine = (id, content, more = {}) => ({
  role: "tool",
  type: "tool_call_result",
  tool_call_id: id,
  content,
  message_id: randomUUID(),
  ...more,
});

const TRIP = [
  {
    id: "length",
    type: "single_choice",
    title: "How long is the trip?",
    options: [
      { label: "A weekend", value: "2" },
      { label: "A week", value: "7" },
    ],
    default: "2",
  },
  {
    id: "likes",
    type: "multiple_choice",
    title: "What do you like?",
    options: [
      { label: "Museums", value: "museum" },
      { label: "Food", value: "food" },
      { label: "Hiking", value: "hike" },
    ],
  },
  { id: "note", type: "text", title: "Anything else?", placeholder: "Allergies, budget, dates…" },
];

/** A questionnaire that the run waits for. */
function questionnaire(sessionId, args, after) {
  const id = `call_${randomUUID().slice(0, 8)}`;
  const questionnaire_id = `${sessionId}__questionnaire__${id}`;
  const then = (answers) => [
    resultLine(id, {
      success: true,
      status: "submitted",
      message: "ok",
      answers,
      questionnaire_id,
      is_auto_submit: false,
    }),
  ];
  return [
    [200, callLine(id, "questionnaire", { wait_time: 300, ...args, questionnaire_id })],
    [50, { waitFor: questionnaire_id, then }],
    ...after,
  ];
}

export const asking = (sessionId) => [
  ...say("A few things first, so that the plan fits you."),
  ...questionnaire(
    sessionId,
    { title: "Your trip", questions: TRIP },
    say("Thank you. I plan it that way, one day after the other."),
  ),
];

const DECISION = [
  {
    id: "decision",
    type: "single_choice",
    title: "How shall I go on?",
    options: [
      { label: "Carry out the plan", value: "execute_plan" },
      { label: "Change the plan", value: "adjust_plan" },
      { label: "Add requirements", value: "add_requirements" },
    ],
  },
  { id: "feedback", type: "text", title: "What should be different?" },
];

export const planning = (sessionId) => [
  ...say("The person wants a plan first.", { type: "planning" }),
  ...say("## Plan\n\n1. Read the sales figures\n2. Add them up per month\n3. Write a page about them\n"),
  ...questionnaire(
    sessionId,
    { title: "", questions: DECISION, questionnaire_kind: "plan_confirmation" },
    say("I begin with the figures."),
  ),
];

export function askingLater() {
  const args = { title: "Before I go on", questions: TRIP.slice(0, 2) };
  const values = { success: true, validation_passed: true, ...args };
  return [...say("I need to know two things."), ...tool("questionnaire_async", args, values, { pause: 200 })];
}

function approval(sessionId, command, { category, reason }) {
  const approval_id = `ap_${randomUUID().slice(0, 8)}`;
  const line = {
    type: "sandbox_approval_requested",
    role: "system",
    content: reason,
    message_id: randomUUID(),
    session_id: sessionId,
    approval_id,
    tool_name: "execute_shell_command",
    command,
    command_hash: "0".repeat(64),
    category,
    reason,
    approval_mode: "risky",
    expires_at: Date.now() / 1000 + 600,
    hint: "It runs once, exactly as shown.",
  };
  const resolved = { type: "sandbox_approval_resolved", role: "system", session_id: sessionId, approval_id };
  const then = (decision) => [{ ...resolved, decision, content: decision, message_id: randomUUID() }];
  return [
    [200, line],
    [20, { waitFor: approval_id, then }],
  ];
}

export function needingPermission(sessionId) {
  const id = `call_${randomUUID().slice(0, 8)}`;
  const command = "rm -r build && curl -O https://example.com/data.csv";
  const values = {
    success: true,
    stdout: "saved data.csv\n",
    stderr: "",
    return_code: 0,
    execution_time: 1.4,
  };
  return [
    ...say("I clean up and fetch the newest figures."),
    [150, callLine(id, "execute_shell_command", { command })],
    ...approval(sessionId, command, {
      category: "network",
      reason: "It deletes files and reaches the network.",
    }),
    [300, resultLine(id, values)],
    ...say("The figures are in [data.csv](/workspace/data.csv)."),
  ];
}

export function delegating(sessionId) {
  const id = `call_${randomUUID().slice(0, 8)}`;
  const sub = (number) => `${sessionId}_sub_${number}`;
  const tasks = [
    { agent_id: "agent_sales", task_name: "Monthly totals", content: "Sum the sales", session_id: sub(1) },
    { agent_id: "agent_7f3a90c2", task_name: "Introduction", content: "Draft it", session_id: sub(2) },
  ];
  const from = (number, agent_name) => (line) => ({ ...line, session_id: sub(number), agent_name });
  const sales = from(1, "Sales");
  const writer = from(2, "Writer");
  const task = (text) => ({ role: "user", type: "normal", content: text, message_id: randomUUID() });
  const usage = () => ({
    type: "token_usage",
    content: "",
    message_id: randomUUID(),
    metadata: { token_usage: {} },
  });
  const each = (who, steps) => steps.map(([pause, line]) => [pause, who(line)]);
  const values = {
    success: true,
    output: "Jan 120\nFeb 95\n",
    stdout: "Jan 120\nFeb 95\n",
    stderr: "",
    return_code: 0,
  };
  const code =
    'import csv\n\nfor row in csv.DictReader(open("data.csv")):\n    print(row["month"], row["sum"])\n';
  return [
    ...tool(
      "sys_spawn_agent",
      { name: "Writer", description: "Writes short texts", system_prompt: "You write short, clear texts." },
      "Agent spawned. ID: agent_7f3a90c2.",
      { pause: 200 },
    ),
    [150, callLine(id, "sys_delegate_task", { tasks })],
    [100, sales(task("Original task: the monthly report. **Your part:** sum the sales per month."))],
    [100, writer(task("Original task: the monthly report. **Your part:** draft the introduction."))],
    ...each(writer, say("This report looks at the first two months.")),
    ...each(sales, tool("execute_python_code", { code }, values, { pause: 900, progress: ["Jan 120\n"] })),
    [100, writer(usage())],
    ...each(sales, say("January 120, February 95.", { pause: 200 })),
    ...each(
      sales,
      approval(sub(1), "mail report.md to team@example.com", { category: "send", reason: "It sends mail." }),
    ),
    [100, sales(usage())],
    [
      200,
      resultLine(
        id,
        "=== Result from agent_sales ===\nTask finished: success. Result: January 120, February 95.",
      ),
    ],
    ...say("The report is ready."),
  ];
}

export const researching = () => [
  ...tool("load_skill", { skill_name: "web-research" }, "Skill web-research is loaded.", { pause: 200 }),
  ...tool(
    "compress_conversation_history",
    {},
    { summary: "They plan a **report** about sales and want it short." },
    { pause: 200 },
  ),
  ...tool(
    "search_web_page",
    { query: "sales report structure" },
    {
      query: "sales report structure",
      results: [
        {
          title: "How to write a report",
          url: "https://example.com/report",
          snippet: "Begin with the result.",
        },
        {
          title: "Numbers that matter",
          url: "https://example.org/numbers",
          snippet: "Three figures are enough.",
        },
      ],
    },
  ),
  ...say("Two pages agree: begin with the result."),
  [
    200,
    {
      type: "observation",
      content: "report.md is named in the answer but does not exist.",
      message_id: randomUUID(),
      metadata: { self_check_passed: false, checked_files: ["report.md"] },
    },
  ],
];
