/** Stands where messages will be. */
export function Skeleton({ lines }: { lines: number }) {
  return (
    <div className="skeleton" aria-hidden="true">
      {Array.from({ length: lines }, (_, i) => (
        <div key={i} className={`skeleton-row w${(i * 5) % 4}`}>
          <span className="skeleton-face" />
          <span className="skeleton-text" />
        </div>
      ))}
    </div>
  )
}
