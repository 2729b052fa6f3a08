import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./app/App";
import { currentLocaleTag } from "./kit/i18n";
import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/controls.css";
import "./styles/overlays.css";
import "./styles/shell.css";
import "./styles/history.css";
import "./styles/pages.css";
import "./styles/chat.css";
import "./styles/tools.css";
import "./styles/asks.css";
import "./styles/side-panel.css";
import "./styles/workshop.css";
import "./styles/figures.css";
import "./styles/knowledge.css";
import "./styles/schedules.css";
import "./styles/prose.css";

document.documentElement.lang = currentLocaleTag();
const root = document.getElementById("root");
if (root !== null) {
  createRoot(root).render(
    <StrictMode>
      <App />
    </StrictMode>,
  );
}
