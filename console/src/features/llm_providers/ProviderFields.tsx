import type { InputHTMLAttributes } from "react";
import { useTexts } from "../../kit/i18n";
import { Field } from "../../ui/Field";
import type { ProviderValues } from "./ProviderForm";

interface FieldsProps {
  values: ProviderValues;
  onChange: (values: ProviderValues) => void;
}

type TextKey = {
  [K in keyof ProviderValues]: ProviderValues[K] extends string ? K : never;
}[keyof ProviderValues];

export function ProviderFields({ values, onChange }: FieldsProps) {
  const t = useTexts();
  const input = (
    key: TextKey,
    label: string,
    attributes: InputHTMLAttributes<HTMLInputElement> = {},
    hint?: string,
  ) => (
    <Field label={label} hint={hint}>
      {(ids) => (
        <input
          {...ids}
          {...attributes}
          value={values[key]}
          onChange={(event) => onChange({ ...values, [key]: event.target.value })}
        />
      )}
    </Field>
  );
  const check = (key: "supports_multimodal" | "is_default", label: string) => (
    <label className="check">
      <input
        type="checkbox"
        checked={values[key]}
        onChange={(event) => onChange({ ...values, [key]: event.target.checked })}
      />
      <span>{label}</span>
    </label>
  );
  const plain = { spellCheck: false, autoCapitalize: "none", autoComplete: "off" };
  // The mask of a stored key may be seen; a key that is being typed may not.
  const keyInput = values.key.includes("***") ? {} : { type: "password", autoComplete: "new-password" };
  return (
    <>
      {input(
        "base_url",
        t.baseUrl,
        { ...plain, type: "url", required: true, placeholder: "https://api.example.com/v1" },
        t.baseUrlHint,
      )}
      {input("key", t.apiKey, { ...plain, ...keyInput, required: true }, t.apiKeyHint)}
      <div className="field-row">
        {input("model", t.modelName, { ...plain, required: true })}
        {input("name", t.shownName, { maxLength: 128, placeholder: t.optional })}
      </div>
      <details className="more-fields">
        <summary>{t.moreSettings}</summary>
        <div className="field-row">
          {input("max_tokens", t.maxTokens, { type: "number", min: 1, placeholder: "4096" })}
          {input("max_model_len", t.contextLength, { type: "number", min: 1024, placeholder: "54000" })}
          {input("temperature", t.temperature, {
            type: "number",
            min: 0,
            max: 2,
            step: "any",
            placeholder: t.notSent,
          })}
        </div>
      </details>
      {check("supports_multimodal", t.readsImages)}
      {check("is_default", t.useAsDefault)}
    </>
  );
}
