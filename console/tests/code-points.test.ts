import { expect, test } from "vitest";
import { lengthOf, piecesOf, placesOf } from "../src/kit/code-points";

test("offsets count characters, also those this language counts twice", () => {
  expect(placesOf("a🚆b", [0, 1, 2, 3, 9])).toEqual([0, 1, 3, 4, 4]);
  expect(placesOf("abc", [1, 9])).toEqual([1, 3]);
  expect([lengthOf("a🚆b"), lengthOf("中文")]).toEqual([3, 2]);
});

test("a text is cut at its spans; overlapping ones are one, and those outside are none", () => {
  const spans = [
    [6, 8],
    [2, 4],
    [3, 5],
    [40, 50],
    [4, 4],
  ] as const;
  expect(piecesOf("ab🚆de f", spans)).toEqual([
    { text: "ab", isMarked: false, start: 0 },
    { text: "🚆de", isMarked: true, start: 2 },
    { text: " ", isMarked: false, start: 5 },
    { text: "f", isMarked: true, start: 6 },
  ]);
  expect(piecesOf("", [[0, 3]])).toEqual([]);
});

test("a part of a whole is marked by the offsets of the whole", () => {
  expect(piecesOf("cdef", [[0, 4]], 2)).toEqual([
    { text: "cd", isMarked: true, start: 2 },
    { text: "ef", isMarked: false, start: 4 },
  ]);
});
