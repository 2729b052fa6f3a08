import { useTexts } from "../kit/i18n";

export function Spinner({ label }: { label?: string }) {
  const t = useTexts();
  return <span className="spinner" role="img" aria-label={label ?? t.loading} />;
}

/** The mark of the product. */
export function Mark({ size = 28 }: { size?: number }) {
  return <img className="mark" src="/clary.svg" width={size} height={size} alt="" />;
}
