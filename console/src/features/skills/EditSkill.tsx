import { type FormEvent, useState } from "react";
import { errorText } from "../../kit/errors";
import { useTexts } from "../../kit/i18n";
import { useWorkshopTexts } from "../../texts/workshop";
import { AreaField } from "../../ui/AreaField";
import { Notice } from "../../ui/Notice";
import { editSkill, type Skill, type SkillContent } from "./api";

interface EditSkillProps {
  skill: Skill;
  content: SkillContent;
  onSaved: () => Promise<void>;
  onClose: () => void;
}

/** The text of a skill, to be written anew. Only over the version that was read. */
export function EditSkill({ skill, content, onSaved, onClose }: EditSkillProps) {
  const t = useTexts();
  const w = useWorkshopTexts();
  const [text, setText] = useState(content.content);
  const [error, setError] = useState<unknown>(null);
  const [isBusy, setBusy] = useState(false);
  const save = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setError(null);
    try {
      await editSkill(skill, text, content.hash);
      await onSaved();
      onClose();
    } catch (failure) {
      setError(failure);
      setBusy(false);
    }
  };
  return (
    <form className="stack code-form" onSubmit={save}>
      <h1>{skill.name}</h1>
      <AreaField label={w.skillText} hint={w.editSkillHint} rows={22} value={text} onChange={setText} />
      {error !== null && <Notice kind="error">{errorText(error)}</Notice>}
      <div className="form-actions">
        <button type="button" className="button" onClick={onClose}>
          {t.cancel}
        </button>
        <button type="submit" className="button primary" disabled={isBusy || text === content.content}>
          {t.save}
        </button>
      </div>
    </form>
  );
}
