import { type FormEvent, useState } from "react";
import { errorText } from "../../kit/errors";
import { useLoad } from "../../kit/use-load";
import { useKnowledgeTexts } from "../../texts/knowledge";
import { AreaField } from "../../ui/AreaField";
import { ChoiceList } from "../../ui/ChoiceList";
import { Notice } from "../../ui/Notice";
import { Check, TextField } from "../../ui/TextField";
import { allBases, type Base, type BaseInfo, type Found, retrieve } from "./api";
import { HitView } from "./HitView";
import { RetrievalFields } from "./RetrievalFields";
import { type SearchValues, startValues, toQuestion } from "./search-values";

/** The search as an agent has it, to be tried by a person. */
export function SearchPart({ base }: { base: BaseInfo }) {
  const k = useKnowledgeTexts();
  const [values, setValues] = useState(() => startValues(base));
  const [found, setFound] = useState<Found | null>(null);
  const [error, setError] = useState<unknown>(null);
  const [isBusy, setBusy] = useState(false);
  const bases = useLoad(allBases, "bases");
  const set = (part: Partial<SearchValues>) => setValues((old) => ({ ...old, ...part }));
  const search = async (event: FormEvent) => {
    event.preventDefault();
    if (isBusy) return;
    setBusy(true);
    setError(null);
    try {
      setFound(await retrieve(toQuestion(base.kdbId, values)));
    } catch (failure) {
      setError(failure);
    }
    setBusy(false);
  };
  return (
    <section className="stack" aria-label={k.findability}>
      <p className="muted">{k.searchIntro}</p>
      <form className="stack" onSubmit={search}>
        <div className="field-with-action">
          <TextField
            label={k.query}
            type="search"
            required
            maxLength={4000}
            value={values.query}
            onChange={(query) => set({ query })}
          />
          <button type="submit" className="button primary" disabled={isBusy}>
            {isBusy ? k.finding : k.find}
          </button>
        </div>
        <details className="more-fields">
          <summary>{k.moreFilters}</summary>
          <MoreFields base={base} bases={bases.data ?? []} values={values} set={set} />
        </details>
      </form>
      {error !== null && <Notice kind="error">{errorText(error)}</Notice>}
      {found !== null && <Results found={found} base={base} bases={bases.data ?? []} />}
    </section>
  );
}

interface MoreFieldsProps {
  base: BaseInfo;
  bases: Base[];
  values: SearchValues;
  set: (part: Partial<SearchValues>) => void;
}

function MoreFields({ base, bases, values, set }: MoreFieldsProps) {
  const k = useKnowledgeTexts();
  const others = bases
    .filter(({ id }) => id !== base.kdbId)
    .map(({ id, name, intro }) => ({ value: id, label: name, detail: intro ?? undefined }));
  return (
    <div className="stack">
      <RetrievalFields values={values} onChange={set} />
      <div className="field-row">
        <TextField
          label={k.fileTypes}
          hint={k.fileTypesHint}
          value={values.types}
          onChange={(types) => set({ types })}
        />
        <AreaField
          label={k.fileNames}
          hint={k.fileNamesHint}
          rows={2}
          value={values.names}
          onChange={(names) => set({ names })}
        />
      </div>
      <ChoiceList
        label={k.alsoSearchIn}
        choices={others}
        chosen={values.otherBases}
        onChange={(otherBases) => set({ otherBases })}
        emptyText={k.noOtherBases}
      />
      <Check
        label={k.useReranker}
        isChecked={values.isReranked}
        onChange={(isReranked) => set({ isReranked })}
      />
      <Check label={k.joinHits} isChecked={values.isJoined} onChange={(isJoined) => set({ isJoined })} />
    </div>
  );
}

function Results({ found, base, bases }: { found: Found; base: BaseInfo; bases: Base[] }) {
  const k = useKnowledgeTexts();
  const nameOf = (id: string) => bases.find((each) => each.id === id)?.name ?? id;
  return (
    <>
      <p className="hint" role="status">
        {k.foundCount(found.results.length, Math.round(found.took_ms))} · {k[`mode_${found.mode}`]}
      </p>
      {found.warnings.map((warning) => (
        <Notice kind="warning" key={warning}>
          {warning}
        </Notice>
      ))}
      <ol className="hits">
        {found.results.map((hit) => (
          <HitView
            key={hit.doc_segment_id}
            hit={hit}
            elsewhere={hit.kdb_id === undefined || hit.kdb_id === base.kdbId ? undefined : nameOf(hit.kdb_id)}
          />
        ))}
      </ol>
    </>
  );
}
