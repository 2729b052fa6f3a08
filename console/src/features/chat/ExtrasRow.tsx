import { errorText } from "../../kit/errors";
import { useRuntimeTexts } from "../../texts/runtime";
import { Icon, type IconName } from "../../ui/Icon";
import { Notice } from "../../ui/Notice";
import type { Extras } from "./use-extras";

/** What will go with the message, each to be taken off again. */
export function ExtrasRow({ extras }: { extras: Extras }) {
  const r = useRuntimeTexts();
  const { wishes, wish, files, detach, error } = extras;
  const isEmpty = !wishes.plan && !wishes.think && wishes.skills.length === 0 && files.length === 0;
  return (
    <>
      {error !== null && <Notice kind="error">{errorText(error)}</Notice>}
      {!isEmpty && (
        <ul className="extras" aria-label={r.addToMessage}>
          {wishes.plan && <Chip icon="list" text={r.planFirst} onRemove={() => wish({ plan: false })} />}
          {wishes.think && (
            <Chip icon="thought" text={r.thinkDeeply} onRemove={() => wish({ think: false })} />
          )}
          {wishes.skills.map((name) => (
            <Chip
              key={name}
              icon="skill"
              text={name}
              onRemove={() => wish({ skills: wishes.skills.filter((other) => other !== name) })}
            />
          ))}
          {files.map(({ id, name, percent, isPicture }) => (
            <Chip
              key={id}
              icon={isPicture ? "image" : "file"}
              text={percent === null ? name : `${name} ${percent} %`}
              onRemove={() => detach(id)}
            />
          ))}
        </ul>
      )}
    </>
  );
}

function Chip({ icon, text, onRemove }: { icon: IconName; text: string; onRemove: () => void }) {
  const r = useRuntimeTexts();
  return (
    <li className="chip">
      <Icon name={icon} size={15} />
      <span>{text}</span>
      <button type="button" aria-label={r.takeOff(text)} title={r.takeOff(text)} onClick={onRemove}>
        <Icon name="close" size={14} />
      </button>
    </li>
  );
}
