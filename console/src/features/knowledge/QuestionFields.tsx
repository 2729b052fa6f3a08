import { useEffect, useRef } from "react";
import { useKnowledgeTexts } from "../../texts/knowledge";
import { IconAction } from "../../ui/Rows";
import { TextField } from "../../ui/TextField";
import { type ExpectedValues, newExpected, type QuestionValues, withDocName } from "./question-values";

interface QuestionFieldsProps {
  row: QuestionValues;
  number: number;
  /** No answer is named, and somebody wanted to save it. */
  isWrong: boolean;
  onChange: (row: QuestionValues) => void;
  onRemove: () => void;
}

export function QuestionFields({ row, number, isWrong, onChange, onRemove }: QuestionFieldsProps) {
  const k = useKnowledgeTexts();
  const box = useRef<HTMLLIElement>(null);
  // A question that was just added wants to be typed.
  const isNew = useRef(row.id === undefined && row.question === "");
  useEffect(() => {
    if (isNew.current) box.current?.querySelector("input")?.focus();
  }, []);
  const setExpected = (key: number, part: Partial<ExpectedValues>) =>
    onChange({
      ...row,
      expected: row.expected.map((each) => (each.key === key ? { ...each, ...part } : each)),
    });
  return (
    <li className="question-row" ref={box}>
      <div className="field-with-action">
        <TextField
          label={k.questionNumber(number)}
          required={row.expected.some(({ docName, contains }) => docName !== "" || contains !== "")}
          maxLength={4000}
          value={row.question}
          onChange={(question) => onChange({ ...row, question })}
        />
        <IconAction icon="trash" label={k.removeQuestion(number)} onClick={onRemove} />
      </div>
      {row.expected.map((expected, index) => (
        <div className="field-with-action" key={expected.key}>
          <div className="field-row">
            <TextField
              label={k.expectedDocument}
              placeholder={expected.docId ?? k.expectedDocumentHint}
              error={isWrong && index === 0 ? k.expectedMissing : undefined}
              value={expected.docName}
              onChange={(docName) => setExpected(expected.key, withDocName(docName))}
            />
            <TextField
              label={k.expectedContains}
              value={expected.contains}
              onChange={(contains) => setExpected(expected.key, { contains })}
            />
          </div>
          {row.expected.length > 1 && (
            <IconAction
              icon="close"
              label={k.removeExpected}
              onClick={() =>
                onChange({ ...row, expected: row.expected.filter(({ key }) => key !== expected.key) })
              }
            />
          )}
        </div>
      ))}
      <button
        type="button"
        className="button quiet small fit"
        onClick={() => onChange({ ...row, expected: [...row.expected, newExpected()] })}
      >
        {k.addExpected}
      </button>
    </li>
  );
}
