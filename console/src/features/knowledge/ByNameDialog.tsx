import { type ReactNode, useState } from "react";
import { useTexts } from "../../kit/i18n";
import { useKnowledgeTexts } from "../../texts/knowledge";
import { ActionDialog } from "../../ui/Dialog";
import { TextField } from "../../ui/TextField";

interface ByNameDialogProps {
  title: string;
  /** What has to be typed. */
  name: string;
  children: ReactNode;
  onAction: () => Promise<void>;
  onClose: () => void;
}

/** A question before much is lost: it wants the name of the thing. */
export function ByNameDialog({ title, name, children, onAction, onClose }: ByNameDialogProps) {
  const t = useTexts();
  const k = useKnowledgeTexts();
  const [typed, setTyped] = useState("");
  return (
    <ActionDialog
      title={title}
      action={t.delete}
      isDangerous
      isReady={typed.trim().normalize() === name.trim().normalize()}
      onAction={onAction}
      onClose={onClose}
    >
      {children}
      <TextField label={k.typeName(name)} autoComplete="off" value={typed} onChange={setTyped} />
    </ActionDialog>
  );
}
