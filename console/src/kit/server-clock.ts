/** What the server's clock says, for deadlines the server has set: the clock of the viewer may be minutes off. */
let aheadMs = 0;

/** Called with every answer; one without a readable `Date` changes nothing. */
export function noteServerDate(header: string | null): void {
  const moment = Date.parse(header ?? "");
  if (Number.isFinite(moment)) aheadMs = moment - Date.now();
}

/** Epoch milliseconds by the server's clock, to the second. */
export const serverNow = (): number => Date.now() + aheadMs;
