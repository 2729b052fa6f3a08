/** Who is signed in, and what the server said about itself. */
import { ApiError, onSignedOut } from "../../kit/http";
import { Store } from "../../kit/store";
import { type Account, loadAccount, loadSystemInfo, type SystemInfo, signOut } from "./api";

export type AccountState =
  | { step: "starting" }
  | { step: "unreachable"; error: unknown }
  | { step: "signed-out"; info: SystemInfo; error: unknown }
  | { step: "signed-in"; info: SystemInfo; account: Account };

export const accountStore = new Store<AccountState>({ step: "starting" });

export async function startAccount(): Promise<void> {
  accountStore.set({ step: "starting" });
  try {
    const info = await loadSystemInfo();
    accountStore.set(await signedInOrOut(info));
  } catch (error) {
    accountStore.set({ step: "unreachable", error });
  }
}

async function signedInOrOut(info: SystemInfo): Promise<AccountState> {
  try {
    return { step: "signed-in", info, account: await loadAccount() };
  } catch (error) {
    // A first visit without a login is no error to show.
    if (error instanceof ApiError && error.status === 401) return { step: "signed-out", info, error: null };
    throw error;
  }
}

/** After a change that may alter what the account owns. */
export async function refreshAccount(): Promise<void> {
  const state = accountStore.get();
  if (state.step !== "signed-in") return;
  const account = await loadAccount();
  accountStore.set({ ...state, account });
}

export async function leave(): Promise<void> {
  const state = accountStore.get();
  if (state.step !== "signed-in") return;
  const answer = await signOut().catch((error: unknown) => {
    if (error instanceof ApiError && error.status === 401) return null;
    throw error;
  });
  if (answer?.logout_url) location.assign(answer.logout_url);
  else accountStore.set({ step: "signed-out", info: state.info, error: null });
}

onSignedOut((error) => {
  const state = accountStore.get();
  if (state.step === "signed-in") accountStore.set({ step: "signed-out", info: state.info, error });
});
