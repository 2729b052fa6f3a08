import { useStore } from "../../kit/store";
import { useScheduleTexts } from "../../texts/schedules";
import { Facts } from "../../ui/Facts";
import { agentStore } from "../agents/agent-store";
import type { Task } from "./api";
import { agentName, lastOutcome, nextMoment, restText } from "./task-facts";

/** What there is to know of a task, and the message it sends. */
export function TaskFacts({ task }: { task: Task }) {
  const s = useScheduleTexts();
  const { agents } = useStore(agentStore);
  const facts: [string, string][] = [
    [s.agent, agentName(agents, task.agent_id)],
    [s.nextTime, nextMoment(task) ?? restText(task, s)],
    [s.lastTime, lastOutcome(task, s) ?? s.neverRan],
    [s.runs, String(task.run_count)],
    [s.sessionMode, s[`session_${task.session_mode}`]],
    [s.retriesFact, String(task.max_retries)],
    [s.missedFact, s[`missed_${task.missed}`]],
    [s.overlapFact, s[`overlap_${task.overlap}`]],
  ];
  if (task.failure_count > 0) facts.splice(4, 0, [s.failuresInARow, String(task.failure_count)]);
  return (
    <>
      <Message text={task.description} />
      <Facts className="facts task-facts" facts={facts} />
    </>
  );
}

const SHORT = 400;

/** A short message stands there; a long one is unfolded, so that the history stays in sight. */
function Message({ text }: { text: string }) {
  const s = useScheduleTexts();
  const whole = <p className="task-message">{text}</p>;
  if (text.length <= SHORT) return whole;
  return (
    <details className="more-fields">
      <summary>{s.message}</summary>
      {whole}
    </details>
  );
}
