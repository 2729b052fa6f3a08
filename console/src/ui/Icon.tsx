/** Line icons on a 24 grid, drawn with the text colour. */
const PATHS = {
  plus: "M12 5v14M5 12h14",
  menu: "M4 7h16M4 12h16M4 17h10",
  search: "M10.5 17a6.5 6.5 0 1 1 0-13 6.5 6.5 0 0 1 0 13ZM15.5 15.5 20 20",
  send: "M12 19V5M6 11l6-6 6 6",
  stop: "M7 7h10v10H7z",
  copy: "M9 9h10v10H9zM5 15V5h10",
  check: "m5 12.5 4.5 4.5L19 7.5",
  close: "M6 6l12 12M18 6 6 18",
  chevron: "m7 10 5 5 5-5",
  right: "m10 7 5 5-5 5",
  down: "M12 5v14M6 13l6 6 6-6",
  more: "M6 12h.01M12 12h.01M18 12h.01",
  edit: "M5 19h3.5L19 8.5 15.5 5 5 15.5zM13 7.5l3.5 3.5",
  trash: "M5 7h14M10 7V4.5h4V7M7 7l.8 12.5h8.4L17 7M10.3 10.5v5.5M13.7 10.5v5.5",
  agent:
    "M5 9.5A2.5 2.5 0 0 1 7.5 7h9A2.5 2.5 0 0 1 19 9.5v6a2.5 2.5 0 0 1-2.5 2.5h-9A2.5 2.5 0 0 1 5 15.5zM12 7V4M9.5 11.5v1.5M14.5 11.5v1.5",
  model: "M12 3.5 20 8v8l-8 4.5L4 16V8zM4 8l8 4.5L20 8M12 12.5v8",
  user: "M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8ZM4.5 20c1-4 4-5.5 7.5-5.5s6.5 1.5 7.5 5.5",
  key: "M8 20a4.5 4.5 0 1 0 0-9 4.5 4.5 0 0 0 0 9ZM11.2 12.3 19.5 4M15.5 8l3.5 3.5",
  leave: "M14 4.5H6v15h8M10.5 12H20M16.5 8.5 20 12l-3.5 3.5",
  terminal: "M4 5h16v14H4zM7.5 9.5 10.5 12l-3 2.5M12.5 15h4",
  file: "M6.5 3.5h7l4 4v13h-11zM13.5 3.5v4h4M9 12.5h6M9 16h6",
  folder: "M3.5 6h6l2 2.5h9V18.5h-17z",
  list: "M4.5 6.5l1.2 1.2L8 5.5M4.5 12.5l1.2 1.2L8 11.5M4.5 18.5l1.2 1.2L8 17.5M11.5 6.5H20M11.5 12.5H20M11.5 18.5H20",
  tool: "M14.5 6.5a4 4 0 0 1 5-2.5l-2.7 2.7.5 2 2 .5L20 7.5a4 4 0 0 1-5.5 4.8L8 19a2 2 0 0 1-3-3l6.5-6.5a4 4 0 0 1 3-3z",
  thought: "M12 3.5a6 6 0 0 0-3.5 10.9V17h7v-2.6A6 6 0 0 0 12 3.5ZM9.5 20.5h5",
  warning: "M12 4 21 19.5H3zM12 10v4.5M12 17h.01",
  info: "M12 20.5a8.5 8.5 0 1 0 0-17 8.5 8.5 0 0 0 0 17ZM12 11v5.5M12 8h.01",
  globe:
    "M12 20.5a8.5 8.5 0 1 0 0-17 8.5 8.5 0 0 0 0 17ZM3.5 12h17M12 3.5c5 5 5 12 0 17M12 3.5c-5 5-5 12 0 17",
  people:
    "M9 11.5a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7ZM2.5 19.5c.7-3.4 3.2-5 6.5-5s5.8 1.6 6.5 5M15.5 4.8a3.5 3.5 0 0 1 0 6.4M17.5 14.8c2.2.6 3.6 2.2 4 4.7",
  shield: "M12 3.5 19 6v6c0 4.2-2.8 7-7 8.5-4.2-1.5-7-4.3-7-8.5V6zM9 12l2.2 2.2L15 10.3",
  app: "M4.5 4.5h6v6h-6zM13.5 4.5h6v6h-6zM4.5 13.5h6v6h-6zM16.5 13.5v6M13.5 16.5h6",
  log: "M12 20.5a8.5 8.5 0 1 0 0-17 8.5 8.5 0 0 0 0 17ZM12 7.5V12l3 2",
  turn: "M19 12a7 7 0 1 1-2.2-5.1M19.5 4v4h-4",
  save: "M12 4v11M7.5 11 12 15.5 16.5 11M5 19.5h14",
  seen: "M2.5 12C5 8 8.3 6 12 6s7 2 9.5 6c-2.5 4-5.8 6-9.5 6s-7-2-9.5-6ZM12 14.7a2.7 2.7 0 1 0 0-5.4 2.7 2.7 0 0 0 0 5.4Z",
  unseen: "M2.5 12C5 8 8.3 6 12 6s7 2 9.5 6c-2.5 4-5.8 6-9.5 6s-7-2-9.5-6ZM4.5 19.5l15-15",
  mail: "M3.5 6h17v12.5h-17zM4 7l8 6.5L20 7",
  building: "M5.5 20V4h8v16M13.5 9.5h5V20M3.5 20h17M8.5 8h2M8.5 12h2M8.5 16h2",
  branch: "M7 4v16M7 9h6a4 4 0 0 1 4 4v3M14.5 13.5 17 16l2.5-2.5",
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name, size = 18 }: { name: IconName; size?: number }) {
  return (
    <svg
      className="icon"
      width={size}
      height={size}
      viewBox="0 0 24 24"
      fill="none"
      stroke="currentColor"
      strokeWidth={name === "more" ? 2.6 : 1.7}
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden="true"
      focusable="false"
    >
      <path d={PATHS[name]} />
    </svg>
  );
}
