import { useFigureTexts } from "../../texts/figures";

export interface Bar {
  day: string;
  value: number;
}

interface DayChartProps {
  what: string;
  bars: Bar[];
  format: (value: number) => string;
}

const HEIGHT = 120;

/** A bar for each day; the same figures stand in a table for whoever does not see them. */
export function DayChart({ what, bars, format }: DayChartProps) {
  const f = useFigureTexts();
  const most = Math.max(0, ...bars.map(({ value }) => value));
  const heightOf = (value: number) => (most === 0 ? 0 : Math.max(value > 0 ? 2 : 0, (value / most) * HEIGHT));
  return (
    <figure className="day-chart">
      <svg
        role="img"
        aria-label={f.perDay(what, format(most))}
        viewBox={`0 0 ${bars.length * 10} ${HEIGHT}`}
        preserveAspectRatio="none"
      >
        {bars.map(({ day, value }, place) => (
          <rect key={day} x={place * 10 + 1} y={HEIGHT - heightOf(value)} width={8} height={heightOf(value)}>
            <title>{`${day}: ${format(value)}`}</title>
          </rect>
        ))}
      </svg>
      <figcaption>
        <span>{bars[0]?.day}</span>
        <span>{bars.at(-1)?.day}</span>
      </figcaption>
      <details>
        <summary>{f.asTable}</summary>
        <table className="figures">
          <thead>
            <tr>
              <th scope="col">{f.day}</th>
              <th scope="col">{what}</th>
            </tr>
          </thead>
          <tbody>
            {bars.map(({ day, value }) => (
              <tr key={day}>
                <th scope="row">{day}</th>
                <td>{format(value)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </details>
    </figure>
  );
}
