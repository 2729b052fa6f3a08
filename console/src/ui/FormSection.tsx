import type { ReactNode } from "react";
import { Icon } from "./Icon";

interface FormSectionProps {
  title: string;
  /** What it says at the moment, in a few words. */
  state?: string;
  isOpen?: boolean;
  children: ReactNode;
}

/** A part of a long form that can be folded. */
export function FormSection({ title, state, isOpen = false, children }: FormSectionProps) {
  return (
    <details className="form-section" open={isOpen}>
      <summary>
        <Icon name="right" size={16} />
        <span>{title}</span>
        {state && <small>{state}</small>}
      </summary>
      <div className="form-section-body">{children}</div>
    </details>
  );
}

/** For a form with such parts: what is wrong in a folded one comes into sight, so that the browser can point at it. */
export function unfoldInvalid(event: { target: EventTarget }): void {
  const section = event.target instanceof Element ? event.target.closest("details") : null;
  if (section !== null) section.open = true;
}
