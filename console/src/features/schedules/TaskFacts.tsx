import { useStore } from "../../kit/store";
import { useScheduleTexts } from "../../texts/schedules";
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
    [s.retries, String(task.max_retries)],
    [s.missed, s[`missed_${task.missed}`]],
    [s.overlap, s[`overlap_${task.overlap}`]],
  ];
  if (task.failure_count > 0) facts.splice(4, 0, [s.failuresInARow, String(task.failure_count)]);
  return (
    <>
      <section className="task-message" aria-label={s.message}>
        {task.description}
      </section>
      <dl className="facts">
        {facts.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
    </>
  );
}
