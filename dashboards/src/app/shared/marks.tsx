import type { AlertPriority, Grade } from '@pulseseal/protocol';
import type { ReactNode } from 'react';

export const priorityWords: Record<AlertPriority, string> = {
  high: 'High',
  medium: 'Medium',
  low: 'Low',
  technical: 'Technical',
};

const shapes: Record<AlertPriority | 'calm', ReactNode> = {
  high: <path d="M12 1.5 23 21.5H1Z" />,
  medium: <path d="M12 1 23 12 12 23 1 12Z" />,
  low: <circle cx="12" cy="12" r="10.5" />,
  technical: <path d="M4 2H20A2 2 0 0 1 22 4V20A2 2 0 0 1 20 22H4A2 2 0 0 1 2 20V4A2 2 0 0 1 4 2Z" />,
  calm: <path d="M4 12.5 9.5 18 20 7" className="mark-tick" />,
};
const stars: Record<AlertPriority | 'calm', ReactNode> = {
  high: <path className="mark-sign" d="M12 8.5V14.5M12 17.2V18.6" />,
  medium: <path className="mark-sign" d="M12 6.5V13.5M12 16.4V17.8" />,
  low: <path className="mark-sign" d="M12 6.5V13.5M12 16.4V17.8" />,
  technical: <path className="mark-sign" d="M6 12H8.5L10.5 7.5 13.5 16.5 15.5 12H18" />,
  calm: null,
};

/** Shape and colour of a state; its word stands beside it or is read out. Hollow once a person has acknowledged. */
export function PriorityMark(props: {
  readonly priority: AlertPriority | 'calm';
  readonly acknowledged?: boolean;
  readonly flashing?: boolean;
}) {
  const { priority, acknowledged = false, flashing = false } = props;
  return (
    <svg
      className="mark"
      data-priority={priority}
      data-hollow={acknowledged || undefined}
      data-flashing={(flashing && !acknowledged) || undefined}
      viewBox="0 0 24 24"
      aria-hidden="true"
    >
      {shapes[priority]}
      {acknowledged ? <path className="mark-sign" d="M8 13 11 16 16 10" /> : stars[priority]}
    </svg>
  );
}

export const gradeWords: Record<Grade, string> = {
  provisional: 'provisional',
  sealed: 'sealed',
  anchored: 'anchored',
};

/** An empty, half or full disc: how far the origin of a reading is proved. */
export function GradeMark(props: { readonly grade: Grade; readonly word?: boolean }) {
  const { grade, word = false } = props;
  return (
    <span className="grade">
      <svg className="grade-disc" viewBox="0 0 12 12" aria-hidden="true">
        <circle cx="6" cy="6" r="4.6" className="grade-ring" />
        {grade === 'sealed' && <path d="M6 1.4A4.6 4.6 0 0 1 6 10.6Z" className="grade-fill" />}
        {grade === 'anchored' && <circle cx="6" cy="6" r="4.6" className="grade-fill" />}
      </svg>
      <span className={word ? 'grade-word' : 'sr-only'}>{gradeWords[grade]}</span>
    </span>
  );
}

/** Always in sight: what the marks beside a number mean. */
export function Legend() {
  return (
    <ul className="legend" aria-label="Legend">
      {(['provisional', 'sealed', 'anchored'] as const).map((grade) => (
        <li key={grade} title={gradeMeanings[grade]}>
          <GradeMark grade={grade} word />
        </li>
      ))}
      <li className="is-stale">grey: late</li>
      <li className="is-expired">struck: too old</li>
      <li>2 to 5: partial NEWS2</li>
      <li>? doubtful</li>
    </ul>
  );
}

export const gradeMeanings: Record<Grade, string> = {
  provisional: 'genuine: its tag was checked, the sensor’s signature is to come',
  sealed: 'the sensor’s signature covers it',
  anchored: 'the ledger holds the log that contains it',
};
