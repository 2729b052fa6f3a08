/** Uploads in portions: what one of them says does not hold up the others, and none of them is very long. */

/** As many as one request may hold (product.md 5.4). */
const MAX_FILES = 200;
const MAX_BYTES = 200 * 1024 * 1024;

export function toBatches(files: readonly File[]): File[][] {
  const batches: File[][] = [];
  let bytes = 0;
  for (const file of files) {
    const last = batches.at(-1);
    if (last === undefined || last.length >= MAX_FILES || bytes + file.size > MAX_BYTES) {
      batches.push([file]);
      bytes = file.size;
    } else {
      last.push(file);
      bytes += file.size;
    }
  }
  return batches;
}

/** Which file of a batch is on its way when so many percent of all are sent; its place counts from 0. */
export function fileUnderway(files: readonly File[], percent: number): number {
  const total = files.reduce((sum, { size }) => sum + size, 0);
  let left = (percent / 100) * total;
  const place = files.findIndex(({ size }) => {
    left -= size;
    return left < 0;
  });
  return place === -1 ? files.length - 1 : place;
}
