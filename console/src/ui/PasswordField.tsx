import { useState } from "react";
import { useTexts } from "../kit/i18n";
import { Field } from "./Field";
import { Icon } from "./Icon";

interface PasswordFieldProps {
  label: string;
  value: string;
  onChange: (value: string) => void;
  hint?: string;
  error?: string;
  autoComplete?: string;
  name?: string;
  required?: boolean;
}

/** A password that can be looked at while it is typed. */
export function PasswordField(props: PasswordFieldProps) {
  const { label, value, onChange, hint, error, autoComplete = "new-password", name, required = true } = props;
  const t = useTexts();
  const [isShown, setShown] = useState(false);
  const action = isShown ? t.hidePassword : t.showPassword;
  return (
    <Field label={label} hint={hint} error={error}>
      {(ids) => (
        <div className="with-button">
          <input
            {...ids}
            type={isShown ? "text" : "password"}
            name={name}
            required={required}
            autoComplete={autoComplete}
            autoCapitalize="none"
            spellCheck={false}
            value={value}
            onChange={(event) => onChange(event.target.value)}
          />
          <button
            type="button"
            className="icon-button small"
            aria-label={action}
            title={action}
            aria-pressed={isShown}
            onClick={() => setShown(!isShown)}
          >
            <Icon name={isShown ? "unseen" : "seen"} />
          </button>
        </div>
      )}
    </Field>
  );
}
