import { type FormEvent, useState } from "react";
import { errorText } from "../../kit/errors";
import { useTexts } from "../../kit/i18n";
import { clockText, useDeadline } from "../../kit/use-deadline";
import { useRuntimeTexts } from "../../texts/runtime";
import { Icon } from "../../ui/Icon";
import { Notice } from "../../ui/Notice";
import { type Answers, submitAnswers } from "./api";
import { QuestionFields } from "./QuestionFields";
import {
  answerText,
  noAnswers,
  type Questionnaire,
  readQuestionnaire,
  responseMessage,
  startAnswers,
} from "./questionnaire";
import { argumentsOf, failureOf, isObject, resultOf } from "./tool-facts";
import type { MessageLine, ToolCall } from "./wire";

interface QuestionCardProps {
  message: MessageLine;
  call: ToolCall;
  result?: MessageLine;
  /** The run of this call is still going on. */
  isLive: boolean;
  /** Sends an answer as the next message; null when a later message has been sent already. */
  onReply: ((text: string) => void) | null;
}

/** What an agent wants to know: a form while it waits, then what was answered. */
export function QuestionCard({ message, call, result, isLive, onReply }: QuestionCardProps) {
  const t = useTexts();
  const r = useRuntimeTexts();
  const questionnaire = readQuestionnaire(argumentsOf(call), call.id);
  const isAsync = call.function.name === "questionnaire_async";
  const isFailed = result?.is_error === true;
  const answers = resultOf(result).answers;
  return (
    <article
      className="ask"
      data-kind={questionnaire.isPlan ? "plan" : "general"}
      aria-label={questionnaire.title}
    >
      <h2>
        <Icon name={questionnaire.isPlan ? "list" : "question"} size={17} />
        {questionnaire.title || (questionnaire.isPlan ? r.confirmPlan : r.agentAsks)}
      </h2>
      {isFailed && <p className="hint">{failureOf(result, t) ?? r.questionsClosed}</p>}
      {!isFailed && isAsync && <Reply questionnaire={questionnaire} onReply={onReply} />}
      {!isFailed && !isAsync && result === undefined && isLive && (
        <WaitingForm questionnaire={questionnaire} askedAt={message.timestamp} />
      )}
      {!isFailed && !isAsync && result === undefined && !isLive && (
        <p className="hint">{r.questionsClosed}</p>
      )}
      {!isFailed && !isAsync && result !== undefined && (
        <Answered
          questionnaire={questionnaire}
          answers={isObject(answers) ? answers : {}}
          isLate={resultOf(result).status === "timeout"}
        />
      )}
    </article>
  );
}

/** Questions in the text of an answer; the next message answers them. */
export function InlineQuestions({
  questionnaire,
  onReply,
}: {
  questionnaire: Questionnaire;
  onReply: QuestionCardProps["onReply"];
}) {
  const r = useRuntimeTexts();
  return (
    <article className="ask" data-kind="inline" aria-label={questionnaire.title || r.agentAsks}>
      <h2>
        <Icon name="question" size={17} />
        {questionnaire.title || r.agentAsks}
      </h2>
      <Reply questionnaire={questionnaire} onReply={onReply} />
    </article>
  );
}

/** The form of a run that waits, with its deadline. Whoever does not answer has said so by then. */
function WaitingForm({ questionnaire, askedAt }: { questionnaire: Questionnaire; askedAt?: number }) {
  const r = useRuntimeTexts();
  const [state, setState] = useState<"open" | "sending" | "sent">("open");
  const [error, setError] = useState<unknown>(null);
  const submit = async (answers: Answers) => {
    setState("sending");
    setError(null);
    try {
      await submitAnswers(questionnaire.id, answers);
      setState("sent");
    } catch (failure) {
      setError(failure);
      setState("open");
    }
  };
  const waits = questionnaire.waitSeconds > 0 && askedAt !== undefined;
  const deadline = waits ? (askedAt + questionnaire.waitSeconds) * 1000 : null;
  const left = useDeadline(deadline, () => {
    if (state === "open") void submit(noAnswers(questionnaire));
  });
  if (state === "sent") return <p className="hint">{r.answersSent}</p>;
  return (
    <AnswerForm questionnaire={questionnaire} isBusy={state === "sending"} onSubmit={submit}>
      {error !== null && <Notice kind="warning">{errorText(error)}</Notice>}
      {left !== null && (
        <span className="countdown" role="timer" aria-label={r.timeLeft}>
          <Icon name="log" size={15} />
          {clockText(left)}
        </span>
      )}
    </AnswerForm>
  );
}

function Reply({
  questionnaire,
  onReply,
}: {
  questionnaire: Questionnaire;
  onReply: QuestionCardProps["onReply"];
}) {
  const r = useRuntimeTexts();
  if (onReply === null) return <p className="hint">{r.questionsAnswered}</p>;
  return (
    <AnswerForm
      questionnaire={questionnaire}
      isBusy={false}
      onSubmit={(answers) => onReply(responseMessage(questionnaire, answers))}
    />
  );
}

interface FormProps {
  questionnaire: Questionnaire;
  isBusy: boolean;
  onSubmit: (answers: Answers) => void;
  children?: React.ReactNode;
}

function AnswerForm({ questionnaire, isBusy, onSubmit, children }: FormProps) {
  const r = useRuntimeTexts();
  const [answers, setAnswers] = useState(() => startAnswers(questionnaire));
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (!isBusy) onSubmit(answers);
  };
  // An empty decision about a plan would end the run, so it takes a choice.
  const isReady = !questionnaire.isPlan || answers.decision !== "";
  return (
    <form onSubmit={submit}>
      <QuestionFields questions={questionnaire.questions} answers={answers} onChange={setAnswers} />
      <div className="ask-foot">
        {children}
        <button type="submit" className="button primary small" disabled={isBusy || !isReady}>
          {r.submit}
        </button>
      </div>
    </form>
  );
}

interface AnsweredProps {
  questionnaire: Questionnaire;
  answers: Record<string, unknown>;
  isLate: boolean;
}

function Answered({ questionnaire, answers, isLate }: AnsweredProps) {
  const r = useRuntimeTexts();
  return (
    <>
      {isLate && <p className="hint">{r.questionsTimedOut}</p>}
      <dl className="answers">
        {questionnaire.questions.map((question) => (
          <div key={question.id}>
            <dt>{question.title}</dt>
            <dd>{answerText(question, answers[question.id]) || r.notAnswered}</dd>
          </div>
        ))}
      </dl>
    </>
  );
}
