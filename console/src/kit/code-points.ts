/** Offsets of the wire count characters; those of this language count halves of some of them. */

/** From (included) and to (excluded), in characters. */
export type Span = readonly [start: number, end: number];

export interface Piece {
  text: string;
  isMarked: boolean;
  /** In characters, from the beginning of the whole. */
  start: number;
}

/**
 * The place in `text` of each offset, which have to come in rising order. Offsets beyond the end stand at the end. A text
 * of plain characters is not walked through.
 */
export function placesOf(text: string, offsets: readonly number[]): number[] {
  if (!/[\uD800-\uDBFF]/.test(text)) return offsets.map((offset) => Math.min(offset, text.length));
  let place = 0;
  let count = 0;
  return offsets.map((offset) => {
    while (count < offset && place < text.length) {
      place += (text.codePointAt(place) ?? 0) > 0xffff ? 2 : 1;
      count += 1;
    }
    return place;
  });
}

export const lengthOf = (text: string): number =>
  text.length - (text.match(/[\uD800-\uDBFF][\uDC00-\uDFFF]/g)?.length ?? 0);

/** Cuts a text, which begins at the character `from` of a whole, at the borders of spans of that whole. */
export function piecesOf(text: string, spans: readonly Span[], from = 0): Piece[] {
  const end = from + lengthOf(text);
  const inside = merged(spans)
    .map(([start, stop]): Span => [Math.max(start, from), Math.min(stop, end)])
    .filter(([start, stop]) => start < stop);
  const cuts = [from, ...inside.flat(), end];
  const places = placesOf(
    text,
    cuts.map((cut) => cut - from),
  );
  return cuts.slice(0, -1).flatMap((start, index) => {
    const piece = text.slice(places[index], places[index + 1]);
    return piece === "" ? [] : [{ text: piece, isMarked: index % 2 === 1, start }];
  });
}

function merged(spans: readonly Span[]): Span[] {
  const done: Span[] = [];
  for (const span of spans.filter(([start, end]) => start < end).sort((a, b) => a[0] - b[0])) {
    const last = done.at(-1);
    if (last === undefined || span[0] > last[1]) done.push(span);
    else done[done.length - 1] = [last[0], Math.max(last[1], span[1])];
  }
  return done;
}
