import type { Mail } from '../protocol/types'

/** Whether a person's mail can be switched on and off: there is an address that is theirs, and a server that sends. */
export const mailed = (mail: Mail | null): mail is Mail & { address: string } => mail?.enabled === true && !!mail.address

/**
 * What setting an address would do: mail a link there, mail it `again`, or
 * `keep` the confirmed address and forget the one that waits. Nothing where it
 * is the person's already, or empty.
 */
export function changeOf(mail: Mail, typed: string): 'send' | 'again' | 'keep' | undefined {
  if (!typed) return undefined
  if (typed === mail.address) return mail.pending ? 'keep' : undefined
  return typed === mail.pending ? 'again' : 'send'
}
