import { MessageItem } from "./MessageItem";
import type { Item } from "./view-items";
import type { Decision } from "./wire";

interface ItemsProps {
  items: Item[];
  isLive: boolean;
  decisions: Readonly<Record<string, Decision>>;
  onDecided?: (approvalId: string, decision: Decision) => void;
  onReply?: ((text: string) => void) | null;
}

export function Items({ items, isLive, decisions, onDecided, onReply }: ItemsProps) {
  const newestPlan = items.findLast((item) => item.call?.function.name === "todo_write");
  return items.map((item, index) => (
    <MessageItem
      key={item.call?.id ?? item.message.message_id}
      item={item}
      isLive={isLive}
      isNewestPlan={item === newestPlan}
      isGrowing={isLive && index === items.length - 1}
      decisions={decisions}
      onDecided={onDecided}
      onReply={onReply}
    />
  ));
}
