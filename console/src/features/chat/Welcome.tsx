import { useTexts } from "../../kit/i18n";
import { Mark } from "../../ui/Spinner";
import type { Agent } from "../agents/api";
import { StarterOffer } from "../agents/StarterOffer";

interface WelcomeProps {
  agent: Agent | null;
  needsStarter: boolean;
  onSend: (text: string) => void;
}

/** An empty chat: who answers, and a few first questions. */
export function Welcome({ agent, needsStarter, onSend }: WelcomeProps) {
  const t = useTexts();
  const examples = [t.example1, t.example2, t.example3];
  const intro = agent === null || agent.access === "builtin" ? t.welcomeText : agent.description;
  return (
    <div className="welcome">
      <Mark size={44} />
      <h1>{t.welcomeTitle}</h1>
      {intro && <p className="muted">{intro}</p>}
      <ul className="suggestions" aria-label={t.suggestions}>
        {examples.map((text) => (
          <li key={text}>
            <button type="button" onClick={() => onSend(text)}>
              {text}
            </button>
          </li>
        ))}
      </ul>
      {needsStarter && <StarterOffer />}
    </div>
  );
}
