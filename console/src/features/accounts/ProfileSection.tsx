import { type FormEvent, useState } from "react";
import { errorText } from "../../kit/errors";
import { useTexts } from "../../kit/i18n";
import { useIdentityTexts } from "../../texts/identity";
import { Notice } from "../../ui/Notice";
import { SectionHead } from "../../ui/Sections";
import { TextField } from "../../ui/TextField";
import { refreshAccount } from "./account-store";
import type { Account } from "./api";
import { saveProfile } from "./own-api";

export function ProfileSection({ account }: { account: Account }) {
  const t = useTexts();
  const i = useIdentityTexts();
  const { user } = account;
  // An empty nickname is answered as the user name, which is no nickname to save.
  const [nickname, setNickname] = useState(user.nickname === user.username ? "" : user.nickname);
  const [phone, setPhone] = useState(user.phonenum);
  const [avatar, setAvatar] = useState(user.avatar_url);
  const [error, setError] = useState<unknown>(null);
  const [state, setState] = useState<"idle" | "busy" | "saved">("idle");
  const save = async (event: FormEvent) => {
    event.preventDefault();
    setState("busy");
    setError(null);
    try {
      await saveProfile({ nickname: nickname.trim(), phonenum: phone.trim(), avatar_url: avatar.trim() });
      await refreshAccount();
      setState("saved");
    } catch (failure) {
      setError(failure);
      setState("idle");
    }
  };
  return (
    <form className="stack" onSubmit={save}>
      <SectionHead title={i.profile} intro={i.profileIntro} />
      <dl className="facts">
        <Fact name={i.username} value={user.username} />
        <Fact name={i.email} value={user.email || i.none} />
        <Fact name={i.role} value={user.role === "admin" ? i.role_admin : i.role_user} />
      </dl>
      <div className="field-row">
        <TextField
          label={i.nickname}
          hint={i.nicknameHint}
          maxLength={64}
          autoComplete="nickname"
          value={nickname}
          onChange={setNickname}
        />
        <TextField
          label={i.phone}
          type="tel"
          maxLength={32}
          autoComplete="tel"
          value={phone}
          onChange={setPhone}
        />
      </div>
      <TextField
        label={i.avatar}
        hint={i.avatarHint}
        maxLength={512}
        inputMode="url"
        value={avatar}
        onChange={setAvatar}
      />
      {error !== null && <Notice kind="error">{errorText(error)}</Notice>}
      {state === "saved" && <Notice kind="success">{i.saved}</Notice>}
      <div className="form-actions">
        <button type="submit" className="button primary" disabled={state === "busy"}>
          {t.save}
        </button>
      </div>
    </form>
  );
}

const Fact = ({ name, value }: { name: string; value: string }) => (
  <div>
    <dt>{name}</dt>
    <dd>{value}</dd>
  </div>
);
