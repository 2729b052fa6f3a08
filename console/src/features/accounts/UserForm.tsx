import { useState } from "react";
import { useTexts } from "../../kit/i18n";
import { useIdentityTexts } from "../../texts/identity";
import { ActionDialog } from "../../ui/Dialog";
import { PasswordField } from "../../ui/PasswordField";
import { SelectField, TextField } from "../../ui/TextField";
import { addUser, type Role, type User, updateUser } from "./users-api";

interface UserFormProps {
  user: User | null;
  needsPassword: boolean;
  onSaved: () => Promise<void>;
  onClose: () => void;
}

/** A new person, or the texts and the role of one who is there. */
export function UserForm({ user, needsPassword, onSaved, onClose }: UserFormProps) {
  const t = useTexts();
  const i = useIdentityTexts();
  const [username, setUsername] = useState("");
  const [password, setPassword] = useState("");
  const [nickname, setNickname] = useState(user?.nickname === user?.username ? "" : (user?.nickname ?? ""));
  const [email, setEmail] = useState(user?.email ?? "");
  const [phone, setPhone] = useState(user?.phonenum ?? "");
  const [role, setRole] = useState<Role>(user?.role ?? "user");
  const save = async () => {
    const texts = { nickname: nickname.trim(), email: email.trim(), phonenum: phone.trim() };
    if (user === null) await addUser({ username: username.trim(), ...onlySet({ password, ...texts }), role });
    else {
      const change = {
        nickname: texts.nickname || null,
        email: texts.email || null,
        phonenum: texts.phonenum || null,
      };
      // A key may change texts but no role, so an unchanged role is not sent.
      await updateUser(user.user_id, role === user.role ? change : { ...change, role });
    }
    await onSaved();
  };
  return (
    <ActionDialog
      title={user === null ? i.addUser : t.editNamed(user.username)}
      action={user === null ? i.addUser : t.save}
      onAction={save}
      onClose={onClose}
    >
      {user === null && (
        <TextField
          label={i.username}
          hint={i.usernameHint}
          autoComplete="off"
          autoCapitalize="none"
          spellCheck={false}
          maxLength={64}
          required
          value={username}
          onChange={setUsername}
        />
      )}
      {user === null && (
        <PasswordField
          label={t.password}
          hint={t.passwordHint}
          required={needsPassword}
          value={password}
          onChange={setPassword}
        />
      )}
      <TextField
        label={i.email}
        type="email"
        autoComplete="off"
        maxLength={254}
        value={email}
        onChange={setEmail}
      />
      <div className="field-row">
        <TextField
          label={i.nickname}
          autoComplete="off"
          maxLength={64}
          value={nickname}
          onChange={setNickname}
        />
        <TextField
          label={i.phone}
          type="tel"
          autoComplete="off"
          maxLength={32}
          value={phone}
          onChange={setPhone}
        />
      </div>
      <SelectField
        label={i.role}
        value={role}
        options={[
          { value: "user", label: i.role_user },
          { value: "admin", label: i.role_admin },
        ]}
        onChange={(value) => setRole(value === "admin" ? "admin" : "user")}
      />
    </ActionDialog>
  );
}

/** Without the texts that are empty. */
const onlySet = <T extends Record<string, string>>(values: T): Partial<T> =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value !== "")) as Partial<T>;
