import { useState } from "react";
import { useTexts } from "../../kit/i18n";
import { hrefOf } from "../../kit/route";
import { useLoad } from "../../kit/use-load";
import { useWorkshopTexts, wordOf } from "../../texts/workshop";
import { Icon } from "../../ui/Icon";
import { LoadState } from "../../ui/LoadState";
import { Row } from "../../ui/Rows";
import { SectionHead } from "../../ui/Sections";
import type { Claims } from "../accounts/api";
import { AddSkillDialog } from "./AddSkillDialog";
import { type Dimension, listSkills, type Skill } from "./api";
import { SkillPage } from "./SkillPage";
import { addressKey, waitingHash } from "./skill-facts";

interface SkillsPageProps {
  path: string | null;
  user: Claims;
}

/** All skills a person may see, and the page of one of them. */
export function SkillsPage({ path, user }: SkillsPageProps) {
  const w = useWorkshopTexts();
  const skills = useLoad(listSkills, "skills");
  if (path === null) return <SkillList skills={skills} user={user} />;
  const skill = skills.data?.find((each) => addressKey(each, user) === path);
  return (
    <div className="page">
      <a className="back-link" href={hrefOf({ page: "skills", path: null })}>
        ← {w.allSkills}
      </a>
      <LoadState of={skills} />
      {skills.data !== null && skill === undefined && <p className="muted">{w.skillMissing}</p>}
      {skill !== undefined && (
        <SkillPage key={addressKey(skill, user)} skill={skill} user={user} onChanged={skills.reload} />
      )}
    </div>
  );
}

const DIMENSIONS: Dimension[] = ["user", "agent", "system"];

function SkillList({ skills, user }: { skills: ReturnType<typeof useLoad<Skill[]>>; user: Claims }) {
  const t = useTexts();
  const w = useWorkshopTexts();
  const [isAdding, setAdding] = useState(false);
  const headings = { user: w.skillsOwn, agent: w.skillsAgent, system: w.skillsSystem };
  const groups = DIMENSIONS.map((dimension) => ({
    dimension,
    rows: (skills.data ?? []).filter((skill) => skill.dimension === dimension),
  })).filter(({ rows }) => rows.length > 0);
  return (
    <div className="page">
      <SectionHead
        title={t.skills}
        intro={w.skillsIntro}
        action={
          <button type="button" className="button primary" onClick={() => setAdding(true)}>
            <Icon name="plus" size={16} />
            {w.addSkill}
          </button>
        }
      />
      <LoadState of={skills} />
      {skills.data?.length === 0 && <p className="muted">{w.noSkills}</p>}
      {groups.map(({ dimension, rows }) => (
        <section className="stack" key={dimension}>
          <h2 className="group-head">{headings[dimension]}</h2>
          <ul className="cards">
            {rows.map((skill) => (
              <SkillRow key={addressKey(skill, user)} skill={skill} user={user} />
            ))}
          </ul>
        </section>
      ))}
      {isAdding && <AddSkillDialog user={user} onImported={skills.reload} onClose={() => setAdding(false)} />}
    </div>
  );
}

function SkillRow({ skill, user }: { skill: Skill; user: Claims }) {
  const w = useWorkshopTexts();
  const isUpdate = skill.state === "approved" && waitingHash(skill) !== null;
  const facts = [
    skill.dimension === "agent" && w.skillOf(skill.agent_name ?? skill.agent_id ?? ""),
    w.fileCount(skill.file_count),
  ];
  return (
    <Row
      title={
        <a className="row-link" href={hrefOf({ page: "skills", path: addressKey(skill, user) })}>
          {skill.name}
        </a>
      }
      marks={[
        skill.state !== "approved" && { text: wordOf(w, "state", skill.state), kind: "warn" },
        isUpdate && { text: w.skillUpdateWaits, kind: "warn" },
      ]}
      isFaded={skill.state === "rejected"}
      lines={[skill.description, <small key="facts">{facts.filter(Boolean).join(" · ")}</small>]}
    />
  );
}
