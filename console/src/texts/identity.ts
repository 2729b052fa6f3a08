/** The texts of the pages about accounts and administration; loaded with those pages. */
import { textsOf } from "../kit/i18n";
import { identityEn } from "./identity-en";
import { identityZh } from "./identity-zh";

export const useIdentityTexts = textsOf(identityEn, identityZh);
