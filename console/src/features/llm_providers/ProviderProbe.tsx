import { useState } from "react";
import { errorText } from "../../kit/errors";
import { useTexts } from "../../kit/i18n";
import { Notice } from "../../ui/Notice";
import { type ProviderDraft, type VisionResult, verifyProvider, verifyVision } from "./api";

interface ProbeProps {
  draft: ProviderDraft;
  providerId?: string;
  onVision: (isSupported: boolean) => void;
}

type Outcome = { kind: "success" | "warning" | "error"; text: string } | null;

/** Tries the values of the form against the real service before they are saved. */
export function ProviderProbe({ draft, providerId, onVision }: ProbeProps) {
  const t = useTexts();
  const [busy, setBusy] = useState<"connection" | "vision" | null>(null);
  const [outcome, setOutcome] = useState<Outcome>(null);
  const isReady = draft.base_url !== "" && draft.model !== "" && draft.api_keys[0] !== "" && busy === null;

  const run = async (what: "connection" | "vision", probe: () => Promise<Outcome>) => {
    setBusy(what);
    setOutcome(null);
    try {
      setOutcome(await probe());
    } catch (error) {
      setOutcome({ kind: "error", text: errorText(error) });
    }
    setBusy(null);
  };
  const connection = async (): Promise<Outcome> => {
    const result = await verifyProvider(draft, providerId);
    return { kind: "success", text: t.verified(result.model, result.latency_ms) };
  };
  const vision = async (): Promise<Outcome> => {
    const result = await verifyVision(draft, providerId);
    onVision(result.recognized);
    return visionOutcome(t, result);
  };

  return (
    <div className="probe">
      <button
        type="button"
        className="button"
        disabled={!isReady}
        onClick={() => run("connection", connection)}
      >
        {busy === "connection" ? t.verifying : t.verify}
      </button>
      <button type="button" className="button" disabled={!isReady} onClick={() => run("vision", vision)}>
        {busy === "vision" ? t.verifying : t.verifyImages}
      </button>
      {outcome !== null && <Notice kind={outcome.kind}>{outcome.text}</Notice>}
    </div>
  );
}

function visionOutcome(t: ReturnType<typeof useTexts>, result: VisionResult): Outcome {
  if (result.recognized) return { kind: "success", text: t.imagesWork };
  if (result.supports_multimodal) return { kind: "warning", text: t.imagesNotRecognised };
  return { kind: "error", text: result.error ? `${t.imagesFail} ${result.error}` : t.imagesFail };
}
