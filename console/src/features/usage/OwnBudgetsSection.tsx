import { useLoad } from "../../kit/use-load";
import { useIdentityTexts } from "../../texts/identity";
import { useWorkshopTexts } from "../../texts/workshop";
import { LoadState } from "../../ui/LoadState";
import { SectionHead } from "../../ui/Sections";
import { type BudgetState, listOwnStates } from "./api";
import { CeilingMeter } from "./CeilingMeter";
import { groupStates } from "./scopes";

/** Every ceiling that binds the person who is signed in. */
export function OwnBudgetsSection() {
  const i = useIdentityTexts();
  const w = useWorkshopTexts();
  const states = useLoad(listOwnStates, "own");
  return (
    <>
      <SectionHead title={i.budgets} intro={w.ownBudgetsIntro} />
      <LoadState of={states} />
      {states.data?.length === 0 && <p className="muted">{w.noOwnBudgets}</p>}
      <ul className="cards">
        {groupStates(states.data ?? []).map(([title, members]) => (
          <Pot key={title} states={members} />
        ))}
      </ul>
    </>
  );
}

function Pot({ states }: { states: BudgetState[] }) {
  const w = useWorkshopTexts();
  const [first] = states;
  if (first === undefined) return null;
  const kind = w[`scope_${first.scope}`];
  const isOne = first.scope === "server" || first.scope === "default_user";
  return (
    <li className="card pot">
      <strong>{isOne || first.label === "" ? kind : `${kind}: ${first.label}`}</strong>
      {states.map((state) => (
        <CeilingMeter key={`${state.unit}${state.period}`} state={state} />
      ))}
    </li>
  );
}
