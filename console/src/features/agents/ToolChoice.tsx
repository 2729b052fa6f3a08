import { useTexts } from "../../kit/i18n";
import { type RuntimeTexts, useRuntimeTexts } from "../../texts/runtime";
import { useWorkshopTexts } from "../../texts/workshop";
import type { Tool } from "../toolbox/api";
import { FOUNDATION_TOOLS, toolTitle } from "./tools";

interface ToolChoiceProps {
  /** Null where the server has no list of them. */
  tools: Tool[] | null;
  chosen: string[];
  onChange: (tools: string[]) => void;
}

interface Choice {
  name: string;
  title: string;
  /** Its own name beside a title of ours. */
  detail: string;
  /** Further words: why it is not there, or what a server says of it. */
  reason?: string | null;
}

/** The tools an agent may use, by where they come from. */
export function ToolChoice({ tools, chosen, onChange }: ToolChoiceProps) {
  const t = useTexts();
  const r = useRuntimeTexts();
  const w = useWorkshopTexts();
  const known = tools ?? FOUNDATION_TOOLS.map(basicTool);
  const names = new Set(known.map(({ name }) => name));
  // What the agent names already stays visible and can be taken away.
  const others = chosen.filter((name) => !names.has(name)).map(basicTool);
  const titleOf = (tool: Tool) =>
    tool.type === "basic"
      ? t.tools
      : tool.type === "sage_mcp"
        ? w.toolsService
        : (tool.server_name ?? tool.source);
  const groups = new Map<string, Tool[]>();
  for (const tool of [...known.filter(isChoosable), ...others])
    groups.set(titleOf(tool), [...(groups.get(titleOf(tool)) ?? []), tool]);
  const toggle = (name: string, isOn: boolean) =>
    onChange(isOn ? [...chosen, name] : chosen.filter((other) => other !== name));
  return [...groups].map(([title, members]) => (
    <fieldset className="field" key={title}>
      <legend>{title}</legend>
      <div className="tool-choice">
        {members.map((tool) => {
          const { name, title: shown, detail, reason } = choiceOf(r, tool);
          return (
            <label key={name} className="check" title={tool.description}>
              <input
                type="checkbox"
                checked={chosen.includes(name)}
                onChange={(event) => toggle(name, event.target.checked)}
              />
              <span>
                {shown}
                {detail && <code>{detail}</code>}
                {reason && <small>{reason}</small>}
              </span>
            </label>
          );
        })}
      </div>
    </fieldset>
  ));
}

const basicTool = (name: string): Tool => ({
  name,
  description: "",
  type: "basic",
  source: "",
  available: true,
});

/** Tools for handing work on come with the way of working, never from this list (S9.5). */
const isChoosable = ({ name }: Tool): boolean => !name.startsWith("sys_");

function choiceOf(r: RuntimeTexts, tool: Tool): Choice {
  // Ours have a title in words. What a server calls its tools may look like one of ours and is another one.
  if (tool.type === "mcp") return { name: tool.name, title: tool.name, detail: "", reason: tool.description };
  const title = toolTitle(r, tool.name);
  const reason = tool.available ? null : tool.unavailable_reason;
  return { name: tool.name, title, detail: title === tool.name ? "" : tool.name, reason };
}
