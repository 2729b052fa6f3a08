interface FactsProps {
  facts: readonly (readonly [name: string, value: string])[];
  className?: string;
}

/** Short facts, each under its name. */
export function Facts({ facts, className = "facts" }: FactsProps) {
  return (
    <dl className={className}>
      {facts.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
