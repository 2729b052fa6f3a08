import { useWorkshopTexts } from "../../texts/workshop";
import { Notice } from "../../ui/Notice";
import type { AgentWarning } from "./api";

/** What an agent names that has no effect (product.md 3.1). */
export function AgentWarnings({ warnings }: { warnings: AgentWarning[] }) {
  const w = useWorkshopTexts();
  if (warnings.length === 0) return null;
  const textOf = ({ field, value, reason }: AgentWarning) =>
    w[`warn_${reason}`]?.(field, typeof value === "string" ? value : JSON.stringify(value)) ?? field;
  return (
    <Notice kind="warning">
      {w.warningsTitle}
      <ul className="bullets">
        {warnings.map((warning) => (
          <li key={JSON.stringify(warning)}>{textOf(warning)}</li>
        ))}
      </ul>
    </Notice>
  );
}
