/** What the server's clock says, for deadlines the server has set: the clock of the viewer may be minutes off. */
let aheadMs = 0;

/** `Date` has whole seconds and is some moments old when it arrives. */
const TOLERANCE_MS = 3000;

/** Called with every answer; one without a readable `Date` changes nothing. */
export function noteServerDate(header: string | null): void {
  const moment = Date.parse(header ?? "");
  if (!Number.isFinite(moment)) return;
  const ahead = moment - Date.now();
  aheadMs = Math.abs(ahead) > TOLERANCE_MS ? ahead : 0;
}

/** Epoch milliseconds by the server's clock, to a few seconds. */
export const serverNow = (): number => Date.now() + aheadMs;
