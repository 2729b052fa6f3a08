import { useState } from "react";
import { ApiError } from "../../kit/http";
import { useTexts } from "../../kit/i18n";
import { ActionDialog } from "../../ui/Dialog";
import { PasswordField } from "../../ui/PasswordField";
import { changePassword } from "./api";

interface ChangePasswordProps {
  onChanged?: () => void;
  onClose: () => void;
}

export function ChangePasswordDialog({ onChanged, onClose }: ChangePasswordProps) {
  const t = useTexts();
  const [old, setOld] = useState("");
  const [fresh, setFresh] = useState("");
  const [again, setAgain] = useState("");
  const save = async () => {
    if (fresh !== again) throw new ApiError(t.passwordsDiffer, 400, "passwords_differ");
    await changePassword(old, fresh);
    onChanged?.();
  };
  return (
    <ActionDialog title={t.changePassword} action={t.save} onAction={save} onClose={onClose}>
      <PasswordField label={t.oldPassword} value={old} onChange={setOld} autoComplete="current-password" />
      <PasswordField label={t.newPassword} value={fresh} onChange={setFresh} hint={t.passwordHint} />
      <PasswordField label={t.repeatPassword} value={again} onChange={setAgain} />
    </ActionDialog>
  );
}
