import { describe, expect, test } from "vitest";
import { contentWith, tagsOf, withoutLinks, withTags } from "../src/features/chat/attachments";

const TABLE = { name: "figures 2026.csv", path: "uploads/figures 2026.csv", isPicture: false };
const NOTES = { name: "a[1].md", path: "uploads/a[1].md", isPicture: false };
const PICTURE = { name: "shelf.png", path: "uploads/shelf.png", isPicture: true };

describe("a message with files", () => {
  test("names files as links at its end, and gives pictures parts of their own", () => {
    expect(contentWith("Compare", [TABLE, PICTURE])).toEqual([
      { type: "text", text: "Compare\n\n[figures 2026.csv](</workspace/uploads/figures 2026.csv>)" },
      { type: "image_url", image_url: { url: "/workspace/uploads/shelf.png" } },
    ]);
  });
  test("is plain text without files, and where only text can go", () => {
    expect(contentWith("Hello", [])).toBe("Hello");
    expect(contentWith("Look", [PICTURE], true)).toBe("Look\n\n[shelf.png](/workspace/uploads/shelf.png)");
  });
  test("is shown without the links, which stay to be followed", () => {
    const text = contentWith("Compare\nboth", [TABLE, NOTES]) as string;
    expect(withoutLinks(text)).toEqual({
      text: "Compare\nboth",
      files: [
        { name: "figures 2026.csv", address: "/workspace/uploads/figures 2026.csv" },
        { name: "a_1_.md", address: "/workspace/uploads/a[1].md" },
      ],
    });
  });
  test("keeps a link that leads elsewhere or stands within the text", () => {
    const text = "[x](/workspace/x.md)\nis new\n[y](https://example.com)";
    expect(withoutLinks(text)).toEqual({ text, files: [] });
  });
});

describe("wishes about a run", () => {
  const wishes = { plan: true, think: true, skills: ["report"] };
  test("are tags before the first text", () => {
    const tags = tagsOf(wishes);
    expect(tags).toBe(
      "<enable_plan>true</enable_plan><enable_deep_thinking>true</enable_deep_thinking><skill>report</skill>",
    );
    expect(withTags("Go", tags)).toBe(`${tags} Go`);
    expect(withTags(contentWith("Go", [PICTURE]), tags)).toEqual(contentWith(`${tags} Go`, [PICTURE]));
  });
  test("leave a message alone when there are none", () => {
    expect(withTags("Go", tagsOf({ plan: false, think: false, skills: [] }))).toBe("Go");
  });
});
