import { fireEvent, render, screen, waitFor } from "@testing-library/react";
import { expect, test, vi } from "vitest";
import { fileUrl } from "../src/features/workspaces/api";
import { FilesPanel } from "../src/features/workspaces/FilesPanel";
import { serve } from "./server";

const WORKSPACE = { agentId: "agent_1", sessionId: "s1" };
const PLACE = "/api/agent/agent_1/file_workspace";
const file = (path: string, is_directory = false) => ({
  name: path.split("/").at(-1),
  path,
  size: 2048,
  modified_time: 1_800_000_000,
  is_directory,
});
const FILES = [file("a.md"), file("out", true), file("out/deep", true), file("out/plan.txt")];

const show = () => render(<FilesPanel workspace={WORKSPACE} version="idle" onClose={() => {}} />);
const names = () =>
  [...document.querySelectorAll(".file-name")].map(
    (each) => each.querySelector("span")?.firstChild?.textContent,
  );

/** Stands in for the browser's own sender of files, at the edge of the network. */
class Sender {
  static sent: Sender[] = [];
  readonly upload: { onprogress?: (event: object) => void } = {};
  readonly headers: Record<string, string> = {};
  to = "";
  form = new FormData();
  responseText = "";
  status = 0;
  onload = () => {};
  onerror = () => {};
  open(method: string, path: string) {
    this.to = `${method} ${path}`;
  }
  setRequestHeader(name: string, value: string) {
    this.headers[name] = value;
  }
  send(form: FormData) {
    this.form = form;
    Sender.sent.push(this);
  }
  answer(status: number, body: object) {
    this.status = status;
    this.responseText = JSON.stringify(body);
    this.onload();
  }
}

test("folders are opened one by one, and everything in them can be fetched", async () => {
  serve({ [`POST ${PLACE}`]: { files: FILES } });
  show();
  await screen.findByText("out");
  expect(names()).toEqual(["out", "a.md"]);
  fireEvent.click(screen.getByText("out"));
  expect(names()).toEqual(["deep", "plan.txt"]);
  const link = screen.getByRole("link", { name: "Download plan.txt" });
  expect(link.getAttribute("href")).toBe(`${PLACE}/download?file_path=out%2Fplan.txt&session_id=s1`);
  const zip = screen.getByRole("link", { name: "Download as ZIP" });
  expect(zip.getAttribute("href")).toBe(fileUrl(WORKSPACE, "out"));
  fireEvent.click(screen.getByRole("button", { name: "Workspace" }));
  expect(names()).toEqual(["out", "a.md"]);
});

test("a file goes after a question, by its path", async () => {
  const calls = serve({ [`POST ${PLACE}`]: { files: FILES }, [`DELETE ${PLACE}/delete`]: { deleted: true } });
  show();
  fireEvent.click(await screen.findByRole("button", { name: "Delete a.md" }));
  expect(calls.filter(({ to }) => to.startsWith("DELETE"))).toEqual([]);
  fireEvent.click(screen.getByRole("button", { name: "Delete" }));
  await waitFor(() =>
    expect(calls.map(({ to }) => to)).toContain(
      `DELETE ${PLACE}/delete?file_path=a.md&missing_ok=true&session_id=s1`,
    ),
  );
});

test("an upload goes into the open folder, tells how far it is, and its refusal stays to be read", async () => {
  vi.stubGlobal("XMLHttpRequest", Sender);
  Sender.sent = [];
  const calls = serve({ [`POST ${PLACE}`]: { files: FILES } });
  show();
  fireEvent.click(await screen.findByText("out"));
  const files = [new File(["abc"], "one.txt"), new File(["abc"], "two.txt")];
  fireEvent.change(document.querySelector("input[type=file]") as Element, { target: { files } });
  await waitFor(() => expect(Sender.sent).toHaveLength(1));
  const [first] = Sender.sent as [Sender];
  expect([first.to, first.form.get("target_path")]).toEqual([`POST ${PLACE}/upload?session_id=s1`, "out/"]);
  first.upload.onprogress?.({ lengthComputable: true, loaded: 1, total: 3 });
  expect(await screen.findByText("one.txt: 33 %")).toBeTruthy();
  first.answer(200, { code: 200, data: {} });
  await waitFor(() => expect(Sender.sent).toHaveLength(2));
  expect(screen.queryByText(/one.txt/)).toBeNull();
  Sender.sent[1]?.answer(200, { code: 413, message: "Storage quota exceeded, limit 1 MB", data: null });
  expect((await screen.findByRole("alert")).textContent).toBe(
    "two.txt was not uploaded. Storage quota exceeded, limit 1 MB",
  );
  expect(calls).toHaveLength(2);
  vi.unstubAllGlobals();
});
