import type { Claims } from "../accounts/api";
import type { Skill } from "./api";

/** The version somebody has to decide about; null when none waits. */
export const waitingHash = (skill: Skill): string | null =>
  skill.pending_hash ?? (skill.state === "quarantined" ? skill.hash : null);

/** Skills of the server belong to administrators, others to whom they are owned by (product.md 7.1). */
export const mayChange = (skill: Skill, user: Claims): boolean =>
  user.role === "admin" || (skill.dimension !== "system" && skill.owner_user_id === user.userid);

/** An address for the page of a skill; somebody else's skill of the same name has another one. */
export const addressKey = (skill: Skill, user: Claims): string =>
  skill.dimension === "user" && skill.owner_user_id !== user.userid
    ? `${skill.path}@${skill.owner_user_id}`
    : skill.path;
