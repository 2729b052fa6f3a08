import { ApiError } from "./http";
import { texts } from "./i18n";

/** The sentence to show for anything that was thrown: the server's own words where it gave some. */
export function errorText(error: unknown): string {
  if (error instanceof ApiError) {
    if (error.slug === "network") return texts().errorNetwork;
    if (error.message !== "") return error.message;
    return texts().errorStatus(error.status);
  }
  return texts().errorUnknown;
}
