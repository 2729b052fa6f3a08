import type { Texts } from "../../kit/i18n";
import type { Shape } from "../../texts/shape";

/** The slugs another sign-in service may come back with; each has its words under the same name. */
const SLUGS = [
  "oauth_provider_unknown",
  "no_oauth_provider",
  "redirect_uri_invalid",
  "oauth_flow_expired",
  "oauth_state_invalid",
  "oauth_provider_mismatch",
  "oauth_metadata_unavailable",
  "oauth_metadata_incomplete",
  "oauth_denied",
  "oauth_upstream_error",
  "oauth_exchange_failed",
  "oauth_token_invalid",
  "oauth_userinfo_failed",
  "oauth_subject_missing",
  "signup_not_allowed",
  "identity_email_taken",
  "identity_taken",
  "account_disabled",
] as const;

/** The words for `error=<slug>`. An unknown slug is never shown itself: anybody can write an address. */
export function signInErrorText(slug: string, t: Shape<Texts>): string {
  const known = SLUGS.find((each) => each === slug);
  return known === undefined ? t.signInFailed : t[known];
}
