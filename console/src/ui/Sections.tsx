import { type ReactNode, useEffect, useRef } from "react";

export interface SectionLink {
  label: string;
  href: string;
  isHere: boolean;
}

interface SectionsProps {
  title: string;
  links: SectionLink[];
  children: ReactNode;
}

/** A page of several sections, each with its own address. */
export function Sections({ title, links, children }: SectionsProps) {
  return (
    <div className="page sections">
      <SectionNav title={title} links={links} />
      {children}
    </div>
  );
}

export function SectionNav({ title, links }: Omit<SectionsProps, "children">) {
  const here = links.find((link) => link.isHere)?.href;
  const nav = useRef<HTMLElement>(null);
  // On a narrow screen the row of links scrolls sideways; the open one should be in sight.
  // biome-ignore lint/correctness/useExhaustiveDependencies: it is another link with another address
  useEffect(() => {
    nav.current?.querySelector("[aria-current]")?.scrollIntoView?.({ block: "nearest", inline: "center" });
  }, [here]);
  return (
    <nav className="section-links" aria-label={title} ref={nav}>
      {links.map((link) => (
        <a key={link.href} href={link.href} aria-current={link.isHere ? "page" : undefined}>
          {link.label}
        </a>
      ))}
    </nav>
  );
}

interface SectionHeadProps {
  title: string;
  intro?: ReactNode;
  action?: ReactNode;
  level?: 1 | 2;
}

export function SectionHead({ title, intro, action, level = 1 }: SectionHeadProps) {
  return (
    <header className="page-head">
      <div>
        {level === 1 ? <h1>{title}</h1> : <h2>{title}</h2>}
        {intro && <p className="muted">{intro}</p>}
      </div>
      {action && <div className="page-actions">{action}</div>}
    </header>
  );
}
