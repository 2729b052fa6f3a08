/** Two typed catalogues and one current language, remembered in the browser. */
import { useSyncExternalStore } from "react";
import { en } from "../texts/en";
import type { Shape } from "../texts/shape";
import { zh } from "../texts/zh";

export type Locale = "zh" | "en";
export type Texts = typeof en;

const STORAGE_KEY = "clary.locale";
const catalogues: Record<Locale, Shape<Texts>> = { en, zh };
const listeners = new Set<() => void>();
let current: Locale = initialLocale();

function initialLocale(): Locale {
  const saved = readStored(STORAGE_KEY);
  if (saved === "zh" || saved === "en") return saved;
  return navigator.language.toLowerCase().startsWith("zh") ? "zh" : "en";
}

export function readStored(key: string): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return null; // Storage can be switched off in the browser.
  }
}

export function writeStored(key: string, value: string): void {
  try {
    localStorage.setItem(key, value);
  } catch {
    // Not remembered, still used.
  }
}

export function setLocale(locale: Locale): void {
  current = locale;
  writeStored(STORAGE_KEY, locale);
  document.documentElement.lang = currentLocaleTag();
  for (const listener of listeners) listener();
}

export const currentLocale = (): Locale => current;
export const currentLocaleTag = (): string => (current === "zh" ? "zh-CN" : "en-US");
export const texts = (): Shape<Texts> => catalogues[current];

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** The texts of the current language; the component renders again when it changes. */
export const useTexts = (): Shape<Texts> => catalogues[useLocale()];
export const useLocale = (): Locale => useSyncExternalStore(subscribe, currentLocale);

/** The hook for a further pair of catalogues, which travels with the pages that use it and not with the first one. */
export function textsOf<T>(english: T, chinese: Shape<T>): () => Shape<T> {
  const pair: Record<Locale, Shape<T>> = { en: english as Shape<T>, zh: chinese };
  return () => pair[useLocale()];
}

/** A text whose key comes over the wire, such as `state_ready`; the word itself where none is known. */
export function wordOf(catalogue: object, prefix: string, word: string): string {
  const text: unknown = (catalogue as Record<string, unknown>)[`${prefix}_${word}`];
  return typeof text === "string" ? text : word;
}
