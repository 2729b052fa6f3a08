/** What the person has said to an agent at work and the agent has not taken up yet. */
import { ApiError } from "../../kit/http";
import { Store } from "../../kit/store";
import { addGuidance, deleteGuidance, editGuidance, listGuidance } from "./api";
import type { Guidance } from "./wire";

export class GuidanceQueue {
  readonly items = new Store<readonly Guidance[]>([]);

  constructor(private readonly sessionId: string) {}

  /** Reads what waits on the server. Silent when that fails: the next change tells. */
  async refresh(): Promise<void> {
    const items = await listGuidance(this.sessionId).catch(() => null);
    if (items !== null) this.items.set(items);
  }

  /** Shows the text at once, and takes it back when the server refuses it. */
  async add(text: string): Promise<void> {
    const item: Guidance = { guidance_id: crypto.randomUUID(), content: text };
    this.items.update((items) => [...items, item]);
    try {
      await addGuidance(this.sessionId, item);
    } catch (error) {
      this.drop(item.guidance_id);
      throw error;
    }
  }

  edit(id: string, text: string): Promise<void> {
    return this.unlessTaken(id, async () => {
      await editGuidance(this.sessionId, id, text);
      this.items.update((items) =>
        items.map((item) => (item.guidance_id === id ? { ...item, content: text } : item)),
      );
    });
  }

  remove(id: string): Promise<void> {
    return this.unlessTaken(id, async () => {
      await deleteGuidance(this.sessionId, id);
      this.drop(id);
    });
  }

  /** The agent has taken it up: it stands in the conversation now. */
  drop(id: string): void {
    this.items.update((items) => items.filter((item) => item.guidance_id !== id));
  }

  /** An item that is taken up meanwhile is no longer one; the person is told why. */
  private async unlessTaken(id: string, change: () => Promise<void>): Promise<void> {
    try {
      await change();
    } catch (error) {
      if (error instanceof ApiError && error.status === 404) this.drop(id);
      throw error;
    }
  }
}
