import { useCallback, useEffect, useRef, useState } from "react";
import { ApiError } from "../../kit/http";
import { uploadForm } from "../../kit/upload";
import { useRuntimeTexts } from "../../texts/runtime";
import { uploadUrl, type Workspace } from "../workspaces/api";
import type { Attached, Wishes } from "./attachments";

export interface Attachment extends Attached {
  id: number;
  /** Null when it is there. */
  percent: number | null;
}

export interface Extras {
  wishes: Wishes;
  files: Attachment[];
  isUploading: boolean;
  error: unknown;
  /** False where `attach` only says why not. */
  takesFiles: boolean;
  wish: (part: Partial<Wishes>) => void;
  attach: (files: File[]) => void;
  detach: (id: number) => void;
  /** Gives what goes with a message, and begins anew. Deep thinking stays as it was chosen. */
  take: () => { wishes: Wishes; files: Attachment[] };
  /** Puts back what was taken for a message that did not go. */
  putBack: () => void;
}

const NONE: Wishes = { plan: false, think: false, skills: [] };
const FOLDER = "uploads/";
const MOST_NAMES = 20;
let newest = 0;

/** What a person adds to the next message: wishes about the way of working, and files. */
export function useExtras(workspace: Workspace): Extras {
  const r = useRuntimeTexts();
  const [wishes, setWishes] = useState<Wishes>(NONE);
  const [files, setFiles] = useState<Attachment[]>([]);
  const [error, setError] = useState<unknown>(null);
  const taken = useRef<{ wishes: Wishes; files: Attachment[] }>(undefined);
  const change = (id: number, part: Partial<Attachment>) =>
    setFiles((all) => all.map((each) => (each.id === id ? { ...each, ...part } : each)));
  const detach = (id: number) => setFiles((all) => all.filter((each) => each.id !== id));
  // biome-ignore lint/correctness/useExhaustiveDependencies: files lie in one workspace, and skills belong to one agent
  useEffect(() => {
    setWishes(({ think }) => ({ ...NONE, think }));
    setFiles([]);
    setError(null);
  }, [workspace.agentId, workspace.sessionId]);

  const attach = async (chosen: File[]) => {
    if (workspace.isMissing) {
      setError(new ApiError(r.filesNeedChat, 404, "file_not_found"));
      return;
    }
    setError(null);
    const fresh = chosen.map((file) => ({ file, id: ++newest }));
    setFiles((all) => [...all, ...fresh.map(({ file, id }) => waiting(file, id))]);
    for (const { file, id } of fresh) {
      try {
        change(id, {
          ...(await bring(workspace, file, (percent) => change(id, { percent }))),
          percent: null,
        });
      } catch (failure) {
        detach(id);
        setError(failure);
      }
    }
  };
  const putBack = useCallback(() => {
    if (taken.current === undefined) return;
    setWishes(taken.current.wishes);
    setFiles(taken.current.files);
  }, []);
  const take = () => {
    taken.current = { wishes, files };
    setWishes({ ...NONE, think: wishes.think });
    setFiles([]);
    setError(null);
    return taken.current;
  };
  return {
    wishes,
    files,
    isUploading: files.some(({ percent }) => percent !== null),
    error,
    takesFiles: !workspace.isMissing,
    wish: (part) => setWishes((old) => ({ ...old, ...part })),
    attach: (chosen) => void attach(chosen),
    detach,
    take,
    putBack,
  };
}

const waiting = (file: File, id: number): Attachment => ({
  id,
  name: file.name,
  path: "",
  isPicture: /^image\/(?!svg)/.test(file.type),
  percent: 0,
});

/** Uploads a file under the first name that is free, so that nothing that is there is replaced. */
async function bring(
  workspace: Workspace,
  file: File,
  onProgress: (percent: number) => void,
): Promise<{ name: string; path: string }> {
  for (let number = 1; ; number += 1) {
    const name = number === 1 ? file.name : numbered(file.name, number);
    const form = new FormData();
    form.append("file", file, name);
    form.append("target_path", FOLDER);
    form.append("overwrite", "false");
    try {
      const { path } = await uploadForm<{ path: string }>(uploadUrl(workspace), form, onProgress);
      return { name, path: path.replace(/^\/*(workspace\/)?/, "") };
    } catch (failure) {
      const isTaken = failure instanceof ApiError && failure.slug === "file_exists";
      if (!isTaken || number === MOST_NAMES) throw failure;
    }
  }
}

/** `plan.md` gives `plan-2.md`. */
function numbered(name: string, number: number): string {
  const dot = name.lastIndexOf(".");
  return dot < 1 ? `${name}-${number}` : `${name.slice(0, dot)}-${number}${name.slice(dot)}`;
}
