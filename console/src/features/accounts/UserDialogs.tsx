import { useState } from "react";
import { useTexts } from "../../kit/i18n";
import { useIdentityTexts } from "../../texts/identity";
import { ActionDialog } from "../../ui/Dialog";
import { PasswordField } from "../../ui/PasswordField";
import { type Secret, SecretDialog } from "../../ui/SecretDialog";
import { DeleteUserDialog } from "./DeleteUserDialog";
import { UserForm } from "./UserForm";
import { UserKeysDialog } from "./UserKeysDialog";
import { resetPassword, type User, updateUser } from "./users-api";

export type OpenUser =
  | { do: "add" }
  | { do: "edit" | "reset" | "keys" | "switch" | "delete"; user: User }
  | null;

interface DialogsProps {
  open: OpenUser;
  needsPassword: boolean;
  onClose: () => void;
  reload: () => Promise<void>;
}

/** The windows of the list of users, and the password that is shown once after them. */
export function UserDialogs({ open, needsPassword, onClose, reload }: DialogsProps) {
  const i = useIdentityTexts();
  const [secret, setSecret] = useState<Secret | null>(null);
  return (
    <>
      {(open?.do === "add" || open?.do === "edit") && (
        <UserForm
          user={open.do === "edit" ? open.user : null}
          needsPassword={needsPassword}
          onSaved={reload}
          onClose={onClose}
        />
      )}
      {open?.do === "reset" && (
        <ResetDialog
          user={open.user}
          onPassword={(value) => setSecret({ label: i.passwordOf(open.user.username), value })}
          onClose={onClose}
        />
      )}
      {open?.do === "keys" && <UserKeysDialog user={open.user} onClose={onClose} />}
      {open?.do === "switch" && <SwitchDialog user={open.user} reload={reload} onClose={onClose} />}
      {open?.do === "delete" && <DeleteUserDialog user={open.user} onDeleted={reload} onClose={onClose} />}
      {secret !== null && (
        <SecretDialog title={i.passwordReset} secrets={[secret]} onClose={() => setSecret(null)} />
      )}
    </>
  );
}

interface ResetProps {
  user: User;
  onPassword: (password: string) => void;
  onClose: () => void;
}

function ResetDialog({ user, onPassword, onClose }: ResetProps) {
  const i = useIdentityTexts();
  const t = useTexts();
  const [typed, setTyped] = useState("");
  const reset = async () => {
    const { password } = await resetPassword(user.user_id, typed);
    if (password !== undefined) onPassword(password);
  };
  return (
    <ActionDialog title={i.resetPassword} action={i.resetPassword} onAction={reset} onClose={onClose}>
      <p>{i.resetText(user.username)}</p>
      <PasswordField
        label={t.newPassword}
        hint={i.resetHint}
        required={false}
        value={typed}
        onChange={setTyped}
      />
    </ActionDialog>
  );
}

interface SwitchProps {
  user: User;
  reload: () => Promise<void>;
  onClose: () => void;
}

function SwitchDialog({ user, reload, onClose }: SwitchProps) {
  const i = useIdentityTexts();
  const isOn = user.status === "active";
  return (
    <ActionDialog
      title={isOn ? i.disableNamed(user.username) : i.enableNamed(user.username)}
      action={isOn ? i.disable : i.enable}
      isDangerous={isOn}
      onAction={() => updateUser(user.user_id, { disabled: isOn }).then(reload)}
      onClose={onClose}
    >
      <p>{isOn ? i.disableUserText : i.enableUserText}</p>
    </ActionDialog>
  );
}
