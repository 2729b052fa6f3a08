import { useTexts } from "../kit/i18n";
import { Icon } from "./Icon";

interface PagerProps {
  page: number;
  pageSize: number;
  total: number;
  onPage: (page: number) => void;
}

/** Which rows of how many are shown, and the way to the others. Nothing when one page holds all. */
export function Pager({ page, pageSize, total, onPage }: PagerProps) {
  const t = useTexts();
  if (total <= pageSize && page === 1) return null;
  const last = Math.max(1, Math.ceil(total / pageSize));
  const first = total === 0 ? 0 : (page - 1) * pageSize + 1;
  return (
    <nav className="pager" aria-label={t.pages}>
      <span className="muted" role="status">
        {t.rowsOf(first, Math.min(page * pageSize, total), total)}
      </span>
      <button
        type="button"
        className="icon-button turn-back"
        aria-label={t.previousPage}
        title={t.previousPage}
        disabled={page <= 1}
        onClick={() => onPage(page - 1)}
      >
        <Icon name="right" />
      </button>
      <button
        type="button"
        className="icon-button"
        aria-label={t.nextPage}
        title={t.nextPage}
        disabled={page >= last}
        onClick={() => onPage(page + 1)}
      >
        <Icon name="right" />
      </button>
    </nav>
  );
}
