import { errorText } from "../kit/errors";
import { useTexts } from "../kit/i18n";
import type { Loaded } from "../kit/use-load";
import { Notice } from "./Notice";
import { Spinner } from "./Spinner";

/** What there is to say while something is being loaded, or when that failed. */
export function LoadState({ of: { data, error, reload } }: { of: Loaded<unknown> }) {
  const t = useTexts();
  if (error !== null)
    return (
      <Notice
        kind="error"
        action={
          <button type="button" className="button small" onClick={reload}>
            {t.retry}
          </button>
        }
      >
        {errorText(error)}
      </Notice>
    );
  return data === null ? <Spinner /> : null;
}
