import { Store } from "../../kit/store";

export type Panel = { show: "files" } | { show: "child"; sessionId: string; title: string };

/** What stands beside the conversation; one thing at a time. */
export const panelStore = new Store<Panel | null>(null);

export const closePanel = (): void => panelStore.set(null);
export const toggleFiles = (): void =>
  panelStore.update((panel) => (panel?.show === "files" ? null : { show: "files" }));
