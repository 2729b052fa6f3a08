import { useState } from "react";
import { uploadForm } from "../../kit/upload";
import { uploadUrl, type Workspace } from "./api";

export interface Upload {
  id: number;
  name: string;
  percent: number;
  error: unknown;
}

let newest = 0;

/** Uploads file after file into a folder; what failed stays in the list until it is put away. */
export function useUploads(workspace: Workspace, onDone: () => void) {
  const [uploads, setUploads] = useState<Upload[]>([]);
  const change = (id: number, part: Partial<Upload>) =>
    setUploads((all) => all.map((each) => (each.id === id ? { ...each, ...part } : each)));
  const dismiss = (id: number) => setUploads((all) => all.filter((each) => each.id !== id));

  const start = async (files: File[], folder: string) => {
    const entries = files.map((file) => ({ file, id: ++newest }));
    setUploads((all) => [
      ...all,
      ...entries.map(({ file, id }) => ({ id, name: file.name, percent: 0, error: null })),
    ]);
    for (const { file, id } of entries) {
      const form = new FormData();
      form.append("file", file);
      form.append("target_path", folder === "" ? "" : `${folder}/`);
      try {
        await uploadForm(uploadUrl(workspace), form, (percent) => change(id, { percent }));
        dismiss(id);
        onDone();
      } catch (error) {
        change(id, { error });
      }
    }
  };
  return { uploads, start, dismiss };
}
