/** Files out of what was dropped: files, and folders with everything in them. */

/** Files that systems put into folders for themselves. */
const isOfSystem = (name: string): boolean => /^(\.|~\$)|^(Thumbs\.db|desktop\.ini)$/i.test(name);

/** Has to be called while the event is handled: afterwards the browser has forgotten what was dropped. */
export async function droppedFiles(transfer: DataTransfer): Promise<File[]> {
  const items = [...transfer.items].filter(({ kind }) => kind === "file");
  const entries = items.map((item) => item.webkitGetAsEntry?.() ?? null);
  if (entries.some((entry) => entry === null)) return [...transfer.files];
  const found = await Promise.all(entries.map((entry) => filesOf(entry as FileSystemEntry, false)));
  return found.flat();
}

/** What a person chose as a folder comes as files that know their way in it. */
export const folderFiles = (files: readonly File[]): File[] =>
  files.filter((file) => !(file.webkitRelativePath || file.name).split("/").some(isOfSystem));

async function filesOf(entry: FileSystemEntry, isInFolder = true): Promise<File[]> {
  if (isInFolder && isOfSystem(entry.name)) return [];
  if (entry.isFile) {
    const file = entry as FileSystemFileEntry;
    return [await new Promise<File>((resolve, reject) => file.file(resolve, reject))];
  }
  const found: File[] = [];
  for (const inner of await entriesOf(entry as FileSystemDirectoryEntry))
    found.push(...(await filesOf(inner)));
  return found;
}

/** A reader gives some entries at a time, and none at the end. */
async function entriesOf(folder: FileSystemDirectoryEntry): Promise<FileSystemEntry[]> {
  const reader = folder.createReader();
  const all: FileSystemEntry[] = [];
  for (;;) {
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) =>
      reader.readEntries(resolve, reject),
    );
    if (some.length === 0) return all;
    all.push(...some);
  }
}
