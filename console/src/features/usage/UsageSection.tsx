import { useState } from "react";
import { currentLocaleTag } from "../../kit/i18n";
import { useLoad } from "../../kit/use-load";
import { useFigureTexts } from "../../texts/figures";
import { useIdentityTexts } from "../../texts/identity";
import { Facts } from "../../ui/Facts";
import { Filters } from "../../ui/Filters";
import { Icon } from "../../ui/Icon";
import { LoadState } from "../../ui/LoadState";
import { SectionHead } from "../../ui/Sections";
import { Segments } from "../../ui/Segments";
import { SelectField } from "../../ui/TextField";
import type { Unit } from "./api";
import { DayChart } from "./DayChart";
import {
  ADMIN_GROUPINGS,
  daysOf,
  exportHref,
  type Figures,
  GROUPINGS,
  type Grouping,
  readSummary,
  SPANS,
  type SpanDays,
  type Summary,
  tokensOf,
} from "./reports";

/** What calls of models used and cost. `userId`: whose; null for everybody's, which administrators see. */
export function UsageSection({ userId }: { userId: string | null }) {
  const i = useIdentityTexts();
  const f = useFigureTexts();
  const [span, setSpan] = useState<SpanDays>("30");
  const [unit, setUnit] = useState<Unit>("tokens");
  const [grouping, setGrouping] = useState<Grouping>("model");
  const days = daysOf(Number(span), Date.now());
  const byDay = useLoad(() => readSummary("day", days, userId), span);
  const byKey = useLoad(() => readSummary(grouping, days, userId), `${grouping} ${span}`);
  const currency = byDay.data?.currency ?? "";
  const format = formatter(unit, currency);
  const amountOf = (figures: Figures) => (unit === "tokens" ? tokensOf(figures) : figures.cost);
  const known = new Map(byDay.data?.items.map((item) => [item.key, amountOf(item)]));
  return (
    <>
      <SectionHead
        title={i.usage}
        intro={userId === null ? f.allUsageIntro : f.ownUsageIntro}
        action={
          <a className="button" href={exportHref(days, userId)} download>
            <Icon name="save" size={16} />
            {f.exportUsage}
          </a>
        }
      />
      <div className="figure-choices">
        <Segments
          label={f.span}
          value={span}
          options={SPANS.map((value) => ({ value, label: f.days(Number(value)) }))}
          onChange={setSpan}
        />
        <Segments
          label={f.shownAs}
          value={unit}
          options={[
            { value: "tokens", label: f.tokens },
            { value: "cost", label: f.cost },
          ]}
          onChange={setUnit}
        />
      </div>
      <LoadState of={byDay} />
      {byDay.data !== null && <Totals summary={byDay.data} />}
      {byDay.data !== null && (
        <DayChart
          what={f[unit]}
          bars={days.map((day) => ({ day, value: known.get(day) ?? 0 }))}
          format={format}
        />
      )}
      <Filters label={i.usage}>
        <SelectField
          label={f.sortedBy}
          value={grouping}
          options={(userId === null ? ADMIN_GROUPINGS : GROUPINGS).map((value) => ({
            value,
            label: f[`group_${value}`],
          }))}
          onChange={(value) => setGrouping(value as Grouping)}
        />
      </Filters>
      <LoadState of={byKey} />
      {byKey.data?.items.length === 0 && <p className="muted">{f.nothingUsed}</p>}
      <Shares
        items={[...(byKey.data?.items ?? [])].sort((a, b) => amountOf(b) - amountOf(a))}
        amountOf={amountOf}
        format={format}
      />
    </>
  );
}

function formatter(unit: Unit, currency: string): (value: number) => string {
  const tag = currentLocaleTag();
  if (unit === "tokens") return (value) => value.toLocaleString(tag);
  return (value) => `${value.toLocaleString(tag, { maximumFractionDigits: 4 })} ${currency}`;
}

function Totals({ summary: { totals, currency } }: { summary: Summary }) {
  const f = useFigureTexts();
  const tokens = formatter("tokens", currency);
  const facts: [string, string][] = [
    [f.calls, tokens(totals.calls)],
    [f.input, tokens(totals.input_tokens)],
    [f.output, tokens(totals.output_tokens)],
    [f.cached, `${Math.round(totals.cache_hit_rate * 100)} %`],
    [f.cost, formatter("cost", currency)(totals.cost)],
  ];
  return (
    <>
      <Facts className="figure-totals" facts={facts} />
      {totals.unpriced_calls > 0 && <p className="muted">{f.unpriced(totals.unpriced_calls)}</p>}
    </>
  );
}

interface SharesProps {
  items: Figures[];
  amountOf: (figures: Figures) => number;
  format: (value: number) => string;
}

function Shares({ items, amountOf, format }: SharesProps) {
  const f = useFigureTexts();
  const most = Math.max(0, ...items.map(amountOf));
  return (
    <ul className="shares">
      {items.map((item) => (
        <li key={item.key ?? ""}>
          <span className="share-name">{item.label || f.withoutName}</span>
          <span>{format(amountOf(item))}</span>
          <span className="share-track" aria-hidden="true">
            <span style={{ width: `${most === 0 ? 0 : (amountOf(item) / most) * 100}%` }} />
          </span>
        </li>
      ))}
    </ul>
  );
}
