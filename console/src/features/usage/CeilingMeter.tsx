import { currentLocaleTag } from "../../kit/i18n";
import { momentText } from "../../kit/time";
import { useWorkshopTexts } from "../../texts/workshop";
import type { BudgetState, Unit } from "./api";

const PRECISE = 4;

/** An amount as people of this language write it; money in the currency where one is known. */
export function amountText(amount: number, unit: Unit, currency?: string | null): string {
  const tag = currentLocaleTag();
  if (unit === "tokens") return amount.toLocaleString(tag);
  const digits = { maximumFractionDigits: PRECISE };
  return currency
    ? amount.toLocaleString(tag, { style: "currency", currency, ...digits })
    : amount.toLocaleString(tag, { minimumFractionDigits: 2, ...digits });
}

/** How much of one ceiling is gone. */
export function CeilingMeter({ state, currency }: { state: BudgetState; currency?: string | null }) {
  const w = useWorkshopTexts();
  const { unit, period, spent, reserved, limit, remaining } = state;
  const amount = (value: number) => amountText(value, unit, currency);
  const isShared = remaining === null;
  const isUsedUp = remaining !== null && remaining <= 0;
  const name = `${w[unit]}, ${w[`period_${period}`].toLowerCase()}`;
  // What counts for each run or conversation alone says its limit; there is no one figure of what is gone.
  const isEach = period === "run" || period === "session";
  const facts = [
    reserved > 0 && w.reservedNow(amount(reserved)),
    state.resets_at && w.resetsAt(momentText(state.resets_at, currentLocaleTag())),
  ].filter(Boolean);
  return (
    <div className={isUsedUp ? "meter used-up" : "meter"}>
      <div className="meter-head">
        <span>{name}</span>
        <span>
          {isEach
            ? amount(limit)
            : isShared
              ? w.yoursOf(amount(spent), amount(limit))
              : w.spentOf(amount(spent), amount(limit))}
          {isUsedUp && <span className="badge bad">{w.usedUp}</span>}
        </span>
      </div>
      {!isEach && <progress max={1} value={limit === 0 ? 1 : Math.min(1, spent / limit)} aria-label={name} />}
      {!isEach && facts.length > 0 && <small className="muted">{facts.join(" · ")}</small>}
    </div>
  );
}
