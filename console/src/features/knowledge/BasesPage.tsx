import { useState } from "react";
import { useTexts, wordOf } from "../../kit/i18n";
import { hrefOf, type KnowledgePart } from "../../kit/route";
import { useDebounced } from "../../kit/use-debounced";
import { useLoad } from "../../kit/use-load";
import { useKnowledgeTexts } from "../../texts/knowledge";
import { Filters, SearchField } from "../../ui/Filters";
import { Icon } from "../../ui/Icon";
import { LoadState } from "../../ui/LoadState";
import { Pager } from "../../ui/Pager";
import { Row } from "../../ui/Rows";
import { SectionHead } from "../../ui/Sections";
import { SelectField } from "../../ui/TextField";
import { BASES_PER_PAGE, type Base, listBases } from "./api";
import { BaseForm } from "./BaseForm";
import { BasePage } from "./BasePage";

interface BasesPageProps {
  kdbId: string | null;
  part: KnowledgePart | null;
}

/** All knowledge bases a person may see, a new one, and the pages of one of them. */
export function BasesPage({ kdbId, part }: BasesPageProps) {
  if (kdbId === null) return <BaseList />;
  if (kdbId === "new") return <BaseForm base={null} />;
  return <BasePage key={kdbId} kdbId={kdbId} part={part} />;
}

const FILTER_KINDS = ["document", "qa", "code", "file", "rag"];

function BaseList() {
  const t = useTexts();
  const k = useKnowledgeTexts();
  const [typed, setTyped] = useState("");
  const [type, setType] = useState("");
  const [page, setPage] = useState(1);
  const name = useDebounced(typed.trim());
  const bases = useLoad(() => listBases(name, type, page), JSON.stringify([name, type, page]));
  const isFiltered = name !== "" || type !== "";
  const filter = (change: () => void) => {
    change();
    setPage(1);
  };
  return (
    <div className="page">
      <SectionHead
        title={t.knowledge}
        intro={k.basesIntro}
        action={
          <a className="button primary" href={hrefOf({ page: "knowledge", kdbId: "new" })}>
            <Icon name="plus" size={16} />
            {k.newBase}
          </a>
        }
      />
      <Filters label={t.knowledge}>
        <SearchField value={typed} onChange={(text) => filter(() => setTyped(text))} />
        <SelectField
          label={k.kind}
          value={type}
          options={[
            { value: "", label: k.allKinds },
            ...FILTER_KINDS.map((kind) => ({ value: kind, label: wordOf(k, "kind", kind) })),
          ]}
          onChange={(kind) => filter(() => setType(kind))}
        />
      </Filters>
      <LoadState of={bases} />
      {bases.data?.total === 0 && <p className="muted">{isFiltered ? k.noBaseFound : k.noBases}</p>}
      <ul className="cards">
        {bases.data?.list.map((base) => (
          <BaseRow key={base.id} base={base} />
        ))}
      </ul>
      {bases.data !== null && (
        <Pager page={page} pageSize={BASES_PER_PAGE} total={bases.data.total} onPage={setPage} />
      )}
    </div>
  );
}

function BaseRow({ base }: { base: Base }) {
  const k = useKnowledgeTexts();
  const facts = [wordOf(k, "kind", base.type), k.docCount(base.docNum)].join(" · ");
  return (
    <Row
      title={
        <a className="row-link" href={hrefOf({ page: "knowledge", kdbId: base.id })}>
          {base.name}
        </a>
      }
      marks={[base.access !== "owner" && k[`access_${base.access}`]]}
      lines={[base.intro, <small key="facts">{facts}</small>]}
    />
  );
}
