import { setLocale, useLocale, useTexts } from "../../kit/i18n";

export function LanguageSwitch() {
  const t = useTexts();
  const locale = useLocale();
  return (
    <fieldset className="segments" aria-label={t.language}>
      <button type="button" lang="zh-CN" aria-pressed={locale === "zh"} onClick={() => setLocale("zh")}>
        中文
      </button>
      <button type="button" lang="en" aria-pressed={locale === "en"} onClick={() => setLocale("en")}>
        English
      </button>
    </fieldset>
  );
}
