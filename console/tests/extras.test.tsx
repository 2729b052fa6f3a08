import { act, fireEvent, render, screen, waitFor } from "@testing-library/react";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Composer } from "../src/features/chat/Composer";
import { ExtrasMenu } from "../src/features/chat/ExtrasMenu";
import { ExtrasRow } from "../src/features/chat/ExtrasRow";
import { WorkspaceContext } from "../src/features/chat/Markdown";
import { UserMessage } from "../src/features/chat/UserMessage";
import { type Extras, useExtras } from "../src/features/chat/use-extras";
import type { Workspace } from "../src/features/workspaces/api";

const WORKSPACE = { agentId: "a1", sessionId: "s1" };

/** Stands in for the browser's own sender of files; a name that is taken is refused. */
class Sender {
  static taken = new Set<string>();
  static sent: string[] = [];
  readonly upload = {};
  responseText = "";
  status = 200;
  onload = () => {};
  open() {}
  setRequestHeader() {}
  send(form: FormData) {
    const { name } = form.get("file") as File;
    Sender.sent.push(`${form.get("target_path")}${name} ${form.get("overwrite")}`);
    this.responseText = JSON.stringify(
      Sender.taken.has(name)
        ? { code: 409, message: "File already exists", error_detail: "file_exists", data: null }
        : { code: 200, message: "success", data: { path: `/workspace/uploads/${name}` } },
    );
    queueMicrotask(() => this.onload());
  }
}

beforeEach(() => {
  Sender.taken = new Set();
  Sender.sent = [];
  vi.stubGlobal("XMLHttpRequest", Sender);
});
afterEach(() => vi.unstubAllGlobals());

let extras: Extras;
const onSend = vi.fn();
const HOMELESS = { ...WORKSPACE, isMissing: true };
function Rig({ isBusy = false, workspace = WORKSPACE }: { isBusy?: boolean; workspace?: Workspace }) {
  extras = useExtras(workspace);
  return (
    <>
      <ExtrasRow extras={extras} />
      <Composer
        text="Hello"
        onText={() => {}}
        onSend={onSend}
        onStop={() => {}}
        isBusy={isBusy}
        isStopping={false}
        inputRef={{ current: null }}
        extras={<ExtrasMenu extras={extras} skills={["report"]} isBusy={isBusy} />}
        onFiles={extras.attach}
        isWaiting={extras.isUploading}
      />
    </>
  );
}

test("a file that is called like another is kept beside it, and sending waits for it", async () => {
  Sender.taken.add("plan.md");
  render(<Rig />);
  const file = new File(["x"], "plan.md", { type: "text/markdown" });
  fireEvent.paste(screen.getByRole("textbox"), { clipboardData: { files: [file] } });
  expect(screen.getByRole("button", { name: "Send" }).hasAttribute("disabled")).toBe(true);
  expect(await screen.findByText("plan-2.md")).toBeTruthy();
  expect(Sender.sent).toEqual(["uploads/plan.md false", "uploads/plan-2.md false"]);
  expect(screen.getByRole("button", { name: "Send" }).hasAttribute("disabled")).toBe(false);
  expect(extras.files.map(({ path, isPicture }) => [path, isPicture])).toEqual([
    ["uploads/plan-2.md", false],
  ]);
});

test("wishes are taken once, but deep thinking stays, and come back with a message that did not go", () => {
  render(<Rig />);
  act(() => extras.wish({ plan: true, think: true, skills: ["report"] }));
  let taken: unknown;
  act(() => {
    taken = extras.take().wishes;
  });
  expect(taken).toEqual({ plan: true, think: true, skills: ["report"] });
  expect(extras.wishes).toEqual({ plan: false, think: true, skills: [] });
  act(() => extras.putBack());
  expect(extras.wishes).toEqual(taken);
  fireEvent.click(screen.getByRole("button", { name: "Take off: report" }));
  expect(extras.wishes.skills).toEqual([]);
});

test("while an agent works only files can go with what is added", async () => {
  const { rerender } = render(<Rig />);
  fireEvent.click(screen.getByRole("button", { name: "Add to the message" }));
  expect(screen.getByRole("menuitemcheckbox", { name: "Use the skill report" })).toBeTruthy();
  rerender(<Rig isBusy />);
  await waitFor(() => expect(screen.queryByRole("menuitemcheckbox")).toBeNull());
  expect(screen.getByRole("menuitem", { name: "Attach files" })).toBeTruthy();
});

test("a sent message shows its picture and leads to its files", () => {
  const content = [
    { type: "text" as const, text: "Compare\n\n[a b.csv](</workspace/uploads/a b.csv>)" },
    { type: "image_url" as const, image_url: { url: "/workspace/uploads/shelf.png" } },
    { type: "image_url" as const, image_url: { url: "https://example.com/far.png" } },
  ];
  render(
    <WorkspaceContext.Provider value={WORKSPACE}>
      <UserMessage message={{ role: "user", type: "normal", message_id: "m", session_id: "s1", content }} />
    </WorkspaceContext.Provider>,
  );
  expect(screen.getByRole("link", { name: "a b.csv" }).getAttribute("href")).toContain("uploads%2Fa+b.csv");
  expect(screen.getByAltText("shelf.png").getAttribute("src")).toContain("inline=true");
  // A picture from elsewhere would tell that address what is read here.
  expect(screen.getByRole("link", { name: "far.png" })).toBeTruthy();
  expect(screen.getAllByRole("img")).toHaveLength(1);
});

test("where a chat has to be there first, a file is not sent and the reason is said", async () => {
  render(<Rig workspace={HOMELESS} />);
  act(() => extras.attach([new File(["a"], "a.txt")]));
  expect(await screen.findByText(/Write a first message here, then add files/)).toBeTruthy();
  expect([Sender.sent, extras.files]).toEqual([[], []]);
});
