import { encode } from 'uqr'

/**
 * Shows a text as a QR code, dark on light in every theme, with the quiet zone
 * of four modules that readers need.
 */
export function QRCode({ text, label }: { text: string; label: string }) {
  const { data, size } = encode(text, { ecc: 'M', border: 4 })
  return (
    <svg className="qr-code" role="img" aria-label={label} viewBox={`0 0 ${size} ${size}`} width={size * 6} shapeRendering="crispEdges">
      <path d={pathOf(data)} />
    </svg>
  )
}

/** The dark modules as a path, each run of a row as one piece. */
function pathOf(rows: readonly boolean[][]): string {
  let path = ''
  rows.forEach((row, y) => {
    for (let from = row.indexOf(true); from >= 0; ) {
      const end = row.indexOf(false, from)
      const to = end < 0 ? row.length : end
      path += `M${from} ${y}h${to - from}v1H${from}z`
      from = row.indexOf(true, to)
    }
  })
  return path
}
