import { createContext, type ReactNode } from "react";

/** How a delegation card shows the messages of a child conversation; given by the message list. */
export const ChildrenContext = createContext<(sessionId: string) => ReactNode>(() => null);
