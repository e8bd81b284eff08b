/** The sign of Parley: a P that is also a speech bubble. */
export function Mark({ size = 28 }: { size?: number }) {
  return (
    <svg className="mark" width={size} height={size} viewBox="0 0 32 32" aria-hidden="true">
      <rect width="32" height="32" rx="8" className="mark-ground" />
      <path d="M9 25V13.5A6.5 6.5 0 0 1 15.5 7h1.2a6.3 6.3 0 0 1 0 12.6H13.6z" className="mark-figure" />
      <circle cx="13.6" cy="13.4" r="1.35" className="mark-ground" />
      <circle cx="18.4" cy="13.4" r="1.35" className="mark-ground" />
    </svg>
  )
}
