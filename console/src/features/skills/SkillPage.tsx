import { useState } from "react";
import { currentLocaleTag, useTexts } from "../../kit/i18n";
import { goTo } from "../../kit/route";
import { momentText } from "../../kit/time";
import { useLoad } from "../../kit/use-load";
import { useWorkshopTexts, wordOf } from "../../texts/workshop";
import { ActionDialog } from "../../ui/Dialog";
import { Icon } from "../../ui/Icon";
import { LoadState } from "../../ui/LoadState";
import { Notice } from "../../ui/Notice";
import { MoreActions } from "../../ui/Rows";
import type { Claims } from "../accounts/api";
import { Output } from "../chat/ToolOutput";
import { sizeText } from "../workspaces/folders";
import { deleteSkill, downloadUrl, readSkill, type Skill, type SkillContent } from "./api";
import { CopyDialog } from "./CopyDialog";
import { EditSkill } from "./EditSkill";
import { Review } from "./Review";
import { mayChange, waitingHash } from "./skill-facts";

interface SkillPageProps {
  skill: Skill;
  user: Claims;
  onChanged: () => Promise<void>;
}

/** One skill: what waits to be decided, what it is, and its text as it stands in the file. */
export function SkillPage({ skill, user, onChanged }: SkillPageProps) {
  const t = useTexts();
  const w = useWorkshopTexts();
  const content = useLoad(() => readSkill(skill), `${skill.path}@${skill.hash}@${skill.pending_hash}`);
  const [open, setOpen] = useState<"edit" | "copy" | "delete" | null>(null);
  const [said, setSaid] = useState<string | null>(null);
  const isOwn = mayChange(skill, user);
  const close = () => setOpen(null);
  const entries = [
    {
      label: w.copyToAgent,
      icon: "copy" as const,
      onSelect: () => setOpen("copy"),
    },
    ...(isOwn
      ? [
          { label: w.editSkill, icon: "edit" as const, onSelect: () => setOpen("edit") },
          {
            label: t.delete,
            icon: "trash" as const,
            isDangerous: true,
            onSelect: () => setOpen("delete"),
          },
        ]
      : []),
  ];
  if (open === "edit" && content.data !== null)
    return <EditSkill skill={skill} content={content.data} onSaved={onChanged} onClose={close} />;
  return (
    <>
      <header className="page-head">
        <div>
          <h1>
            {skill.name}
            <StateBadge state={skill.state} />
          </h1>
          <p className="muted">{skill.description}</p>
        </div>
        <div className="page-actions">
          <a className="button" href={downloadUrl(skill)} download>
            <Icon name="save" size={16} />
            ZIP
          </a>
          <MoreActions label={t.actionsFor(skill.name)} entries={entries} />
        </div>
      </header>
      {said !== null && <Notice kind="success">{said}</Notice>}
      {skill.state === "rejected" && <Notice kind="warning">{w.rejectedText}</Notice>}
      {isOwn && <Review skill={skill} hash={waitingHash(skill)} onDecided={onChanged} />}
      <Facts skill={skill} />
      <LoadState of={content} />
      {content.data !== null && <Content content={content.data} />}
      {open === "copy" && (
        <CopyDialog
          skill={skill}
          onDone={(text) => {
            setSaid(text);
            void onChanged();
          }}
          onClose={close}
        />
      )}
      {open === "delete" && <DeleteDialog skill={skill} onChanged={onChanged} onClose={close} />}
    </>
  );
}

function StateBadge({ state }: { state: Skill["state"] }) {
  const w = useWorkshopTexts();
  const kind = { approved: "", quarantined: " warn", rejected: " bad" }[state] ?? "";
  return <span className={`badge${kind}`}>{wordOf(w, "state", state)}</span>;
}

function Facts({ skill }: { skill: Skill }) {
  const t = useTexts();
  const w = useWorkshopTexts();
  const holders = {
    user: w.forMe,
    system: w.forEverybody,
    agent: w.skillOf(skill.agent_name ?? skill.agent_id ?? ""),
  };
  return (
    <>
      <dl className="facts">
        <div>
          <dt>{w.skillFor}</dt>
          <dd>{holders[skill.dimension]}</dd>
        </div>
        <div className={skill.source_url ? "span-two" : undefined}>
          <dt>{w.source}</dt>
          <dd>{skill.source_url ?? wordOf(w, "source", skill.source)}</dd>
        </div>
        <div>
          <dt>{w.changedAt}</dt>
          <dd>{momentText(skill.updated_at, currentLocaleTag())}</dd>
        </div>
        <div>
          <dt>{w.size}</dt>
          <dd>{sizeText(skill.size)}</dd>
        </div>
        {skill.hash && (
          <div>
            <dt>{w.version}</dt>
            <dd>
              <code title={skill.hash}>{skill.hash.slice(0, 12)}</code>
            </dd>
          </div>
        )}
      </dl>
      {!skill.conformant && <p className="hint">{w.notConformant}</p>}
      {skill.warnings.length > 0 && (
        <Notice kind="info">
          <ul aria-label={t.name}>
            {skill.warnings.map((warning) => (
              <li key={warning}>{warning}</li>
            ))}
          </ul>
        </Notice>
      )}
    </>
  );
}

function Content({ content }: { content: SkillContent }) {
  const w = useWorkshopTexts();
  return (
    <>
      <section className="stack tight">
        <h2 className="group-head">{w.skillText}</h2>
        {/* As it stands in the file: what a rendered text would hide is to be seen here. */}
        <Output text={content.content} />
      </section>
      {content.files.length > 1 && (
        <section className="stack tight">
          <h2 className="group-head">{w.skillFiles}</h2>
          <ul className="plain-rows">
            {content.files.map((file) => (
              <li key={file.path}>
                <Icon name={file.executable ? "terminal" : "file"} size={16} />
                <span>{file.path}</span>
                {file.executable && <span className="badge warn">{w.executable}</span>}
                <small>{sizeText(file.size)}</small>
              </li>
            ))}
          </ul>
        </section>
      )}
    </>
  );
}

function DeleteDialog({
  skill,
  onChanged,
  onClose,
}: Pick<SkillPageProps, "skill" | "onChanged"> & { onClose: () => void }) {
  const t = useTexts();
  const w = useWorkshopTexts();
  const run = async () => {
    await deleteSkill(skill);
    goTo({ page: "skills", path: null });
    await onChanged();
  };
  return (
    <ActionDialog title={w.deleteSkillTitle} action={t.delete} isDangerous onAction={run} onClose={onClose}>
      <p>{w.deleteSkillText(skill.name)}</p>
    </ActionDialog>
  );
}
