import { type FormEvent, useState } from "react";
import { errorText } from "../../kit/errors";
import { useTexts } from "../../kit/i18n";
import { Notice } from "../../ui/Notice";
import { createProvider, type Provider, type ProviderDraft, updateProvider } from "./api";
import { ProviderFields } from "./ProviderFields";
import { ProviderProbe } from "./ProviderProbe";

export interface ProviderValues {
  name: string;
  base_url: string;
  key: string;
  model: string;
  max_tokens: string;
  max_model_len: string;
  temperature: string;
  supports_multimodal: boolean;
  is_default: boolean;
}

interface FormProps {
  provider: Provider | null;
  onSaved: () => Promise<void>;
  onClose: () => void;
}

export function ProviderForm({ provider, onSaved, onClose }: FormProps) {
  const t = useTexts();
  const [values, setValues] = useState(() => toValues(provider));
  const [error, setError] = useState<unknown>(null);
  const [isBusy, setBusy] = useState(false);
  const save = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setError(null);
    try {
      await saveProvider(provider, values);
      await onSaved();
      onClose();
    } catch (failure) {
      setError(failure);
      setBusy(false);
    }
  };
  return (
    <form className="page" onSubmit={save}>
      <header className="page-head">
        <div>
          <h1>{provider === null ? t.newModel : t.editModel}</h1>
          <p className="muted">{t.modelFormIntro}</p>
        </div>
      </header>
      <ProviderFields values={values} onChange={setValues} />
      <ProviderProbe
        draft={toDraft(values)}
        providerId={provider?.id}
        onVision={(supports_multimodal) => setValues((old) => ({ ...old, supports_multimodal }))}
      />
      {error !== null && <Notice kind="error">{errorText(error)}</Notice>}
      <div className="form-actions">
        <button type="button" className="button" onClick={onClose}>
          {t.cancel}
        </button>
        <button type="submit" className="button primary" disabled={isBusy}>
          {t.save}
        </button>
      </div>
    </form>
  );
}

/** Creation never makes a model the default, so that wish is a second step. */
async function saveProvider(provider: Provider | null, values: ProviderValues): Promise<void> {
  const draft = toDraft(values);
  if (provider !== null) {
    await updateProvider(provider.id, { ...draft, is_default: values.is_default });
    return;
  }
  const created = await createProvider(draft);
  if (values.is_default) await updateProvider(created.id, { is_default: true });
}

function toValues(provider: Provider | null): ProviderValues {
  return {
    name: provider?.name ?? "",
    base_url: provider?.base_url ?? "",
    key: provider?.api_keys[0] ?? "",
    model: provider?.model ?? "",
    max_tokens: provider?.max_tokens?.toString() ?? "",
    max_model_len: provider?.max_model_len?.toString() ?? "",
    temperature: provider?.temperature?.toString() ?? "",
    supports_multimodal: provider?.supports_multimodal ?? false,
    is_default: provider?.is_default ?? true,
  };
}

/** The key travels as it stands in the field: untouched it is the mask, which means "unchanged". */
export function toDraft(values: ProviderValues): ProviderDraft {
  const number = (text: string) => (text.trim() === "" ? null : Number(text));
  return {
    ...(values.name.trim() === "" ? {} : { name: values.name.trim() }),
    base_url: values.base_url.trim(),
    api_keys: [values.key.trim()],
    model: values.model.trim(),
    max_tokens: number(values.max_tokens),
    max_model_len: number(values.max_model_len),
    temperature: number(values.temperature),
    supports_multimodal: values.supports_multimodal,
  };
}
