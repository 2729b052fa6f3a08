import { useStore } from "../../kit/store";
import { useRuntimeTexts } from "../../texts/runtime";
import { Icon } from "../../ui/Icon";
import { panelStore, toggleFiles } from "./panel-store";

/** Opens and closes the files beside the conversation. */
export function FilesButton() {
  const r = useRuntimeTexts();
  const isOpen = useStore(panelStore)?.show === "files";
  return (
    <button
      type="button"
      className="icon-button topbar-files"
      aria-label={r.filesOf}
      title={r.filesOf}
      aria-expanded={isOpen}
      onClick={toggleFiles}
    >
      <Icon name="folder" size={19} />
    </button>
  );
}
