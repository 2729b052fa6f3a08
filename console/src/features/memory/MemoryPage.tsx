import { useState } from "react";
import { currentLocaleTag, useTexts } from "../../kit/i18n";
import { hrefOf } from "../../kit/route";
import { momentText } from "../../kit/time";
import { useDebounced } from "../../kit/use-debounced";
import { useLoad } from "../../kit/use-load";
import { useWorkshopTexts } from "../../texts/workshop";
import { AreaField } from "../../ui/AreaField";
import { ActionDialog } from "../../ui/Dialog";
import { Filters, SearchField } from "../../ui/Filters";
import { Icon } from "../../ui/Icon";
import { LoadState } from "../../ui/LoadState";
import { Notice } from "../../ui/Notice";
import { Pager } from "../../ui/Pager";
import { IconAction, Row } from "../../ui/Rows";
import { SectionHead } from "../../ui/Sections";
import { type Agent, getAgent } from "../agents/api";
import {
  addNote,
  changeNote,
  forgetAll,
  forgetNote,
  LONGEST_NOTE,
  listNotes,
  NOTES_PER_PAGE,
  type Note,
} from "./api";

type Open = { do: "new" } | { do: "edit" | "forget"; note: Note } | { do: "forget-all" } | null;

/** What an agent remembers of the person who is signed in. */
export function MemoryPage({ agentId }: { agentId: string }) {
  const w = useWorkshopTexts();
  const agent = useLoad(() => getAgent(agentId), agentId);
  return (
    <div className="page">
      <a className="back-link" href={hrefOf({ page: "agents", agentId: null })}>
        ← {w.allAgents}
      </a>
      <LoadState of={agent} />
      {agent.data !== null && <Notes agent={agent.data} />}
    </div>
  );
}

function Notes({ agent }: { agent: Agent }) {
  const t = useTexts();
  const w = useWorkshopTexts();
  const [typed, setTyped] = useState("");
  const q = useDebounced(typed.trim());
  const [page, setPage] = useState(1);
  const notes = useLoad(() => listNotes(agent.id, q, page), `${q}/${page}`);
  const [open, setOpen] = useState<Open>(null);
  const close = () => setOpen(null);
  const total = notes.data?.total ?? 0;
  return (
    <>
      <SectionHead
        title={w.memoryOf(agent.name)}
        intro={w.memoryIntro}
        action={
          <button type="button" className="button primary" onClick={() => setOpen({ do: "new" })}>
            <Icon name="plus" size={16} />
            {w.newMemory}
          </button>
        }
      />
      {agent.memoryType !== "user" && <Notice kind="info">{w.memoryOff}</Notice>}
      {(total > 5 || typed !== "") && (
        <Filters label={w.memory}>
          <SearchField
            value={typed}
            onChange={(text) => {
              setTyped(text);
              setPage(1);
            }}
          />
        </Filters>
      )}
      <LoadState of={notes} />
      {notes.data !== null && total === 0 && (
        <p className="muted">{q === "" ? w.noMemories : t.nothingFound}</p>
      )}
      <ul className="cards">
        {notes.data?.items.map((note) => (
          <NoteRow
            key={note.id}
            note={note}
            onEdit={() => setOpen({ do: "edit", note })}
            onForget={() => setOpen({ do: "forget", note })}
          />
        ))}
      </ul>
      <Pager page={page} pageSize={NOTES_PER_PAGE} total={total} onPage={setPage} />
      {total > 0 && q === "" && (
        <button type="button" className="button quiet end" onClick={() => setOpen({ do: "forget-all" })}>
          {w.forgetAll}
        </button>
      )}
      {(open?.do === "new" || open?.do === "edit") && (
        <NoteDialog
          agentId={agent.id}
          note={open.do === "edit" ? open.note : null}
          onSaved={notes.reload}
          onClose={close}
        />
      )}
      {open?.do === "forget" && (
        <ActionDialog
          title={w.forget}
          action={w.forget}
          isDangerous
          onAction={() => forgetNote(agent.id, open.note.id).then(notes.reload)}
          onClose={close}
        >
          <p>{open.note.content}</p>
        </ActionDialog>
      )}
      {open?.do === "forget-all" && (
        <ActionDialog
          title={w.forgetAll}
          action={w.forgetAll}
          isDangerous
          onAction={() =>
            forgetAll(agent.id).then(() => {
              setPage(1);
              return notes.reload();
            })
          }
          onClose={close}
        >
          <p>{w.forgetAllText(total)}</p>
        </ActionDialog>
      )}
    </>
  );
}

const SPOKEN = 60;

function NoteRow({ note, onEdit, onForget }: { note: Note; onEdit: () => void; onForget: () => void }) {
  const w = useWorkshopTexts();
  const by = note.source === "agent" ? w.noteByAgent : w.noteByUser;
  const start = note.content.slice(0, SPOKEN);
  return (
    <Row
      title={<span className="note-text">{note.content}</span>}
      lines={[<small key="by">{`${by} · ${momentText(note.updated_at, currentLocaleTag())}`}</small>]}
      actions={
        <>
          <IconAction icon="edit" label={w.editNote(start)} onClick={onEdit} />
          <IconAction icon="trash" label={w.forgetNamed(start)} onClick={onForget} />
        </>
      }
    />
  );
}

interface NoteDialogProps {
  agentId: string;
  note: Note | null;
  onSaved: () => Promise<void>;
  onClose: () => void;
}

function NoteDialog({ agentId, note, onSaved, onClose }: NoteDialogProps) {
  const t = useTexts();
  const w = useWorkshopTexts();
  const [content, setContent] = useState(note?.content ?? "");
  const save = async () => {
    await (note === null ? addNote(agentId, content.trim()) : changeNote(agentId, note.id, content.trim()));
    await onSaved();
  };
  return (
    <ActionDialog
      title={note === null ? w.newMemory : w.editMemory}
      action={t.save}
      isReady={content.trim() !== ""}
      onAction={save}
      onClose={onClose}
    >
      <AreaField
        label={w.note}
        rows={5}
        required
        maxLength={LONGEST_NOTE}
        value={content}
        onChange={setContent}
      />
    </ActionDialog>
  );
}
