// Text as the server takes it.

/** Replaces half characters, such as an emoji cut in two: no encoding can carry them. */
export const wellFormed = (text: string): string => text.replace(/\p{Cs}/gu, '\ufffd')

/** Turns every kind of line break into \n, and drops control characters, which no one sees. */
export const tidy = (text: string): string => wellFormed(text).replace(/\r\n?|[\v\f\x85\u2028\u2029]/g, '\n').replace(/[\0-\x08\x0e-\x1f\x7f-\x9f]/g, '')

/** JSON whose strings are all well-formed. The server cannot read any other. */
export const json = (value: unknown): string => JSON.stringify(value, (_key, v: unknown) => (typeof v === 'string' ? wellFormed(v) : v))
