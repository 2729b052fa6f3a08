import { type FormEvent, useEffect, useState } from "react";
import { errorText } from "../../kit/errors";
import { useTexts } from "../../kit/i18n";
import { useLoad } from "../../kit/use-load";
import { useUnsaved } from "../../kit/use-unsaved";
import { useKnowledgeTexts } from "../../texts/knowledge";
import { Icon } from "../../ui/Icon";
import { LoadState } from "../../ui/LoadState";
import { Notice } from "../../ui/Notice";
import { Pager } from "../../ui/Pager";
import type { BaseInfo } from "./api";
import { mayWrite } from "./base-facts";
import { Evaluations } from "./Evaluations";
import { QuestionFields } from "./QuestionFields";
import { fromRows, lacksAnswer, newQuestion, type QuestionValues, toRows } from "./question-values";
import { MAX_QUESTIONS, readQuestions, type SetQuestion, saveQuestions } from "./questions-api";

const SHOWN = 25;

/** Questions with known answers, and how many of them the base finds. */
export function QuestionsPart({ base }: { base: BaseInfo }) {
  const k = useKnowledgeTexts();
  const set = useLoad(() => readQuestions(base.kdbId), base.kdbId);
  const [hasChanges, setHasChanges] = useState(false);
  const canWrite = mayWrite(base.access);
  const count = set.data?.length ?? 0;
  return (
    <section className="stack" aria-label={k.questions}>
      <p className="muted">{k.questionsIntro}</p>
      <LoadState of={set} />
      {set.data !== null && canWrite && (
        <QuestionEditor
          kdbId={base.kdbId}
          questions={set.data}
          onSaved={set.reload}
          onChanged={setHasChanges}
        />
      )}
      {set.data !== null && !canWrite && <QuestionList questions={set.data} />}
      <Evaluations base={base} canRun={canWrite && count > 0} hasChanges={hasChanges} />
    </section>
  );
}

interface EditorProps {
  kdbId: string;
  questions: SetQuestion[];
  onSaved: () => Promise<void>;
  onChanged: (hasChanges: boolean) => void;
}

function QuestionEditor({ kdbId, questions, onSaved, onChanged }: EditorProps) {
  const t = useTexts();
  const k = useKnowledgeTexts();
  const [rows, setRows] = useState(() => toRows(questions));
  const [page, setPage] = useState(1);
  const [isDirty, setDirty] = useState(false);
  const [isChecked, setChecked] = useState(false);
  const [said, setSaid] = useState<string | null>(null);
  const [error, setError] = useState<unknown>(null);
  const [isBusy, setBusy] = useState(false);
  useEffect(() => onChanged(isDirty), [isDirty, onChanged]);
  useUnsaved(isDirty, k.leaveQuestions);
  const change = (next: QuestionValues[]) => {
    setRows(next);
    setDirty(true);
    setSaid(null);
  };
  const save = async (event: FormEvent) => {
    event.preventDefault();
    setChecked(true);
    const wrong = rows.findIndex(lacksAnswer);
    if (wrong !== -1) {
      setPage(Math.floor(wrong / SHOWN) + 1);
      return;
    }
    setBusy(true);
    setError(null);
    try {
      const { count } = await saveQuestions(kdbId, fromRows(rows));
      setDirty(false);
      setChecked(false);
      setSaid(k.savedQuestions(count));
      await onSaved();
    } catch (failure) {
      setError(failure);
    }
    setBusy(false);
  };
  const add = () => {
    change([...rows, newQuestion()]);
    setPage(Math.floor(rows.length / SHOWN) + 1);
  };
  const first = (page - 1) * SHOWN;
  return (
    <form className="stack" onSubmit={save}>
      {rows.length === 0 && <p className="muted">{k.noQuestions}</p>}
      <ol className="questions" start={first + 1}>
        {rows.slice(first, first + SHOWN).map((row, index) => (
          <QuestionFields
            key={row.key}
            row={row}
            number={first + index + 1}
            isWrong={isChecked && lacksAnswer(row)}
            onChange={(next) => change(rows.map((each) => (each.key === row.key ? next : each)))}
            onRemove={() => change(rows.filter((each) => each.key !== row.key))}
          />
        ))}
      </ol>
      <Pager page={page} pageSize={SHOWN} total={rows.length} onPage={setPage} />
      {error !== null && <Notice kind="error">{errorText(error)}</Notice>}
      {said !== null && <Notice kind="success">{said}</Notice>}
      {rows.length >= MAX_QUESTIONS && <p className="hint">{k.tooManyQuestions(MAX_QUESTIONS)}</p>}
      <div className="form-actions wrapping">
        {isDirty && <span className="hint">{k.unsaved}</span>}
        <button type="button" className="button" disabled={rows.length >= MAX_QUESTIONS} onClick={add}>
          <Icon name="plus" size={16} />
          {k.addQuestion}
        </button>
        <button type="submit" className="button primary" disabled={isBusy || !isDirty} title={t.save}>
          {k.saveQuestions}
        </button>
      </div>
    </form>
  );
}

function QuestionList({ questions }: { questions: SetQuestion[] }) {
  const k = useKnowledgeTexts();
  const [page, setPage] = useState(1);
  if (questions.length === 0) return <p className="muted">{k.noQuestionsToRead}</p>;
  return (
    <>
      <ul className="plain-rows">
        {questions.slice((page - 1) * SHOWN, page * SHOWN).map(({ id, question, expected }) => (
          <li key={id ?? question}>
            <span className="breaking">{question}</span>
            <small className="breaking">
              {expected.map(({ doc_name, contains }) => doc_name || contains).join(", ")}
            </small>
          </li>
        ))}
      </ul>
      <Pager page={page} pageSize={SHOWN} total={questions.length} onPage={setPage} />
    </>
  );
}
