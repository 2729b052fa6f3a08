import { useState } from "react";
import { useTexts } from "../../kit/i18n";
import { useLoad } from "../../kit/use-load";
import { useIdentityTexts } from "../../texts/identity";
import { useWorkshopTexts } from "../../texts/workshop";
import { ActionDialog } from "../../ui/Dialog";
import { Icon } from "../../ui/Icon";
import { LoadState } from "../../ui/LoadState";
import { Pager } from "../../ui/Pager";
import { MoreActions } from "../../ui/Rows";
import { SectionHead } from "../../ui/Sections";
import { BUDGETS_PER_PAGE, type BudgetItem, deleteBudget, listBudgets } from "./api";
import { BudgetForm } from "./BudgetForm";
import { CeilingMeter } from "./CeilingMeter";

type Open = { do: "new" } | { do: "edit" | "delete"; item: BudgetItem } | null;

/** All budgets of the server, for administrators. */
export function BudgetsSection() {
  const t = useTexts();
  const i = useIdentityTexts();
  const w = useWorkshopTexts();
  const [page, setPage] = useState(1);
  const budgets = useLoad(() => listBudgets(page), String(page));
  const [open, setOpen] = useState<Open>(null);
  const close = () => setOpen(null);
  return (
    <>
      <SectionHead
        title={i.budgets}
        intro={w.budgetsIntro}
        action={
          <button type="button" className="button primary" onClick={() => setOpen({ do: "new" })}>
            <Icon name="plus" size={16} />
            {w.newBudget}
          </button>
        }
      />
      <LoadState of={budgets} />
      {budgets.data?.total === 0 && <p className="muted">{w.noBudgets}</p>}
      <ul className="cards">
        {budgets.data?.items.map((item) => (
          <BudgetCard
            key={`${item.scope}/${item.id}`}
            item={item}
            onEdit={() => setOpen({ do: "edit", item })}
            onDelete={() => setOpen({ do: "delete", item })}
          />
        ))}
      </ul>
      <Pager page={page} pageSize={BUDGETS_PER_PAGE} total={budgets.data?.total ?? 0} onPage={setPage} />
      {(open?.do === "new" || open?.do === "edit") && (
        <BudgetForm item={open.do === "edit" ? open.item : null} onSaved={budgets.reload} onClose={close} />
      )}
      {open?.do === "delete" && (
        <ActionDialog
          title={w.deleteBudgetTitle}
          action={t.delete}
          isDangerous
          onAction={() => deleteBudget(open.item.scope, open.item.id).then(budgets.reload)}
          onClose={close}
        >
          <p>{w.deleteBudgetText(titleOf(w, open.item))}</p>
        </ActionDialog>
      )}
    </>
  );
}

function titleOf(w: ReturnType<typeof useWorkshopTexts>, { scope, id, label }: BudgetItem): string {
  const kind = w[`scope_${scope}`];
  return scope === "server" || scope === "default_user" ? kind : `${kind}: ${label || id}`;
}

interface CardProps {
  item: BudgetItem;
  onEdit: () => void;
  onDelete: () => void;
}

function BudgetCard({ item, onEdit, onDelete }: CardProps) {
  const t = useTexts();
  const w = useWorkshopTexts();
  const title = titleOf(w, item);
  return (
    <li className="card pot">
      <div className="pot-head">
        <strong>{title}</strong>
        {/* The budget of a key is its owner's affair. */}
        {item.scope !== "key" && (
          <MoreActions
            label={t.actionsFor(title)}
            entries={[
              { label: t.edit, icon: "edit", onSelect: onEdit },
              { label: t.delete, icon: "trash", isDangerous: true, onSelect: onDelete },
            ]}
          />
        )}
      </div>
      {item.states.map((state) => (
        <CeilingMeter key={`${state.unit}${state.period}`} state={state} currency={item.budget.currency} />
      ))}
    </li>
  );
}
