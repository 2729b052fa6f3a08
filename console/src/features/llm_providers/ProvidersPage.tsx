import { useCallback, useEffect, useState } from "react";
import { errorText } from "../../kit/errors";
import { useTexts } from "../../kit/i18n";
import { ActionDialog } from "../../ui/Dialog";
import { Icon } from "../../ui/Icon";
import { Notice } from "../../ui/Notice";
import { Spinner } from "../../ui/Spinner";
import { refreshAccount } from "../accounts/account-store";
import { deleteProvider, listProviders, type Provider, updateProvider } from "./api";
import { ProviderForm } from "./ProviderForm";

export function ProvidersPage() {
  const t = useTexts();
  const [providers, setProviders] = useState<Provider[] | null>(null);
  const [error, setError] = useState<unknown>(null);
  const [edited, setEdited] = useState<Provider | "new" | null>(null);
  const [doomed, setDoomed] = useState<Provider | null>(null);

  const reload = useCallback(async () => {
    setProviders(await listProviders());
    await refreshAccount();
  }, []);
  useEffect(() => {
    reload().catch(setError);
  }, [reload]);

  const close = () => setEdited(null);
  const makeDefault = (provider: Provider) =>
    updateProvider(provider.id, { is_default: true }).then(reload).catch(setError);
  if (edited !== null) {
    return <ProviderForm provider={edited === "new" ? null : edited} onSaved={reload} onClose={close} />;
  }
  return (
    <div className="page">
      <header className="page-head">
        <div>
          <h1>{t.models}</h1>
          <p className="muted">{t.modelsIntro}</p>
        </div>
        <button type="button" className="button primary" onClick={() => setEdited("new")}>
          <Icon name="plus" size={16} />
          {t.newModel}
        </button>
      </header>
      {error !== null && <Notice kind="error">{errorText(error)}</Notice>}
      {providers === null && error === null && <Spinner />}
      <ul className="cards">
        {providers?.map((provider) => (
          <ProviderCard
            key={provider.id}
            provider={provider}
            onEdit={() => setEdited(provider)}
            onDelete={() => setDoomed(provider)}
            onDefault={() => makeDefault(provider)}
          />
        ))}
      </ul>
      {doomed !== null && (
        <ActionDialog
          title={t.deleteModelTitle}
          action={t.delete}
          isDangerous
          onAction={() => deleteProvider(doomed.id).then(reload)}
          onClose={() => setDoomed(null)}
        >
          <p>{t.deleteModelText(doomed.name)}</p>
        </ActionDialog>
      )}
    </div>
  );
}

interface CardProps {
  provider: Provider;
  onEdit: () => void;
  onDelete: () => void;
  onDefault: () => void;
}

function ProviderCard({ provider, onEdit, onDelete, onDefault }: CardProps) {
  const t = useTexts();
  const isEditable = provider.access === "owner" || provider.access === "admin";
  return (
    <li className="card">
      <div className="card-text">
        <strong>
          {provider.name}
          {provider.is_default && <span className="badge">{t.isDefault}</span>}
          {provider.access === "system" && <span className="badge">{t.fromServer}</span>}
        </strong>
        {provider.base_url !== "" && <p className="muted">{`${provider.model} · ${provider.base_url}`}</p>}
        {provider.supports_multimodal && <p className="hint">{t.readsImages}</p>}
      </div>
      {isEditable && (
        <div className="card-actions">
          {!provider.is_default && (
            <button type="button" className="button" onClick={onDefault}>
              {t.makeDefault}
            </button>
          )}
          <button
            type="button"
            className="icon-button"
            onClick={onEdit}
            aria-label={t.editNamed(provider.name)}
            title={t.edit}
          >
            <Icon name="edit" />
          </button>
          <button
            type="button"
            className="icon-button"
            onClick={onDelete}
            aria-label={t.deleteNamed(provider.name)}
            title={t.delete}
          >
            <Icon name="trash" />
          </button>
        </div>
      )}
    </li>
  );
}
