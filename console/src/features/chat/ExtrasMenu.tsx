import { useRef } from "react";
import { useRuntimeTexts } from "../../texts/runtime";
import { Icon } from "../../ui/Icon";
import { Menu, type MenuEntry } from "../../ui/Menu";
import type { Extras } from "./use-extras";

interface ExtrasMenuProps {
  extras: Extras;
  /** Those the agent has. */
  skills: string[];
  /** Wishes about a run are for a message that starts one. */
  isBusy: boolean;
}

/** What can go with a message: files, and how it is worked on. */
export function ExtrasMenu({ extras, skills, isBusy }: ExtrasMenuProps) {
  const r = useRuntimeTexts();
  const picker = useRef<HTMLInputElement>(null);
  const { wishes, wish } = extras;
  const toggle = (name: string) =>
    wish({
      skills: wishes.skills.includes(name)
        ? wishes.skills.filter((other) => other !== name)
        : [...wishes.skills, name],
    });
  const pick = () => (extras.takesFiles ? picker.current?.click() : extras.attach([]));
  const files: MenuEntry = { label: r.attach, icon: "upload", onSelect: pick };
  const ways: MenuEntry[] = [
    {
      label: r.planFirst,
      detail: r.planFirstHint,
      icon: "list",
      isOn: wishes.plan,
      onSelect: () => wish({ plan: !wishes.plan }),
    },
    {
      label: r.thinkDeeply,
      icon: "thought",
      isOn: wishes.think,
      onSelect: () => wish({ think: !wishes.think }),
    },
    ...skills.map((name) => ({
      label: r.withSkill(name),
      icon: "skill" as const,
      isOn: wishes.skills.includes(name),
      onSelect: () => toggle(name),
    })),
  ];
  return (
    <>
      <Menu
        label={r.addToMessage}
        triggerClass="icon-button"
        trigger={<Icon name="plus" size={20} />}
        placement="above"
        align="start"
        entries={isBusy ? [files] : [files, ...ways]}
      />
      <input
        ref={picker}
        type="file"
        multiple
        hidden
        aria-label={r.attach}
        onChange={(event) => {
          extras.attach([...(event.target.files ?? [])]);
          event.target.value = "";
        }}
      />
    </>
  );
}
