// Where the server is: at the root of a host, or below a path of another
// program's site.

/** The path of this page, and of all that the server serves: it begins and ends with a slash. */
export const base = location.pathname.replace(/[^/]*$/, '') || '/'

/** The address of a path of the server. */
export const at = (path: string): string => base + path.replace(/^\//, '')

/** The same with the host, for other programs. */
export const fullAt = (path: string): string => location.origin + at(path)

/** Whether this page comes from an origin. */
export const isAt = (origin: string): boolean => location.origin === origin

/** What is kept in this browser under a name: several servers of one host must not find each other's. */
export const kept = (name: string): string => (base === '/' ? name : name + base)

let server = ''

/** Says which server answers here, by the id of its data. */
export const keepFor = (id: string): void => void (server = id)

/**
 * What is kept of a person, who may have the same id on another server that
 * comes to stand at this address.
 */
export const keptOf = (user: string): string => `${kept(user)}@${server}`
