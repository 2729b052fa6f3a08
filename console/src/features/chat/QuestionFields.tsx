import { useId } from "react";
import { AreaField } from "../../ui/AreaField";
import type { Answers } from "./api";
import type { Question } from "./questionnaire";

interface FieldsProps {
  questions: Question[];
  answers: Answers;
  onChange: (answers: Answers) => void;
}

export function QuestionFields({ questions, answers, onChange }: FieldsProps) {
  const set = (id: string, value: string | string[]) => onChange({ ...answers, [id]: value });
  return questions.map((question) => {
    const answer = answers[question.id] ?? question.start;
    if (question.kind === "text")
      return (
        <AreaField
          key={question.id}
          label={question.title}
          rows={2}
          maxLength={question.maxLength}
          placeholder={question.placeholder}
          value={String(answer)}
          onChange={(text) => set(question.id, text)}
        />
      );
    return (
      <Choices
        key={question.id}
        question={question}
        answer={answer}
        onChange={(value) => set(question.id, value)}
      />
    );
  });
}

interface ChoicesProps {
  question: Question;
  answer: string | string[];
  onChange: (answer: string | string[]) => void;
}

/** One or several of the options; arrows move among them as the browser has it. */
function Choices({ question, answer, onChange }: ChoicesProps) {
  const name = useId();
  const chosen = Array.isArray(answer) ? answer : [answer];
  const toggle = (value: string, isOn: boolean) =>
    onChange(isOn ? [...chosen, value] : chosen.filter((other) => other !== value));
  return (
    <fieldset className="field">
      <legend>{question.title}</legend>
      {question.options.map(({ value, label }) => (
        <label key={value} className="check">
          <input
            type={question.kind === "single" ? "radio" : "checkbox"}
            name={name}
            checked={chosen.includes(value)}
            onChange={(event) =>
              question.kind === "single" ? onChange(value) : toggle(value, event.target.checked)
            }
          />
          <span>{label}</span>
        </label>
      ))}
    </fieldset>
  );
}
