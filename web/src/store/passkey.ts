// The browser's side of passkeys.

import { t } from '../i18n'
import { isAt } from '../protocol/base'
import { ApiError } from '../protocol/error'
import { rest } from '../protocol/rest'
import type { Challenge, PasskeyAnswer } from '../protocol/types'
import { arrive, call } from './actions'
import { useApp } from './store'

/** Whether passkeys can be used: the server has them, and so does this browser. */
export const hasPasskeys = () => Boolean(useApp.getState().info?.passkeys) && typeof PublicKeyCredential !== 'undefined'

const bytes = (text: string) => Uint8Array.from(atob(text.replace(/-/g, '+').replace(/_/g, '/')), (c) => c.charCodeAt(0))

const written = (data: ArrayBuffer) => btoa(String.fromCharCode(...new Uint8Array(data))).replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '')

/** Has the person and the authenticator answer. Not every browser writes and reads the JSON of it by itself. */
async function answer({ challenge, options }: Challenge, ask: () => Promise<Credential | null>): Promise<PasskeyAnswer> {
  const address = useApp.getState().info?.passkeys
  if (address && !isAt(address)) throw new ApiError('forbidden', '', { said: t('passkey.elsewhere', { address }) })
  const made = (await ask().catch((err: unknown) => {
    throw new ApiError('forbidden', '', { text: err instanceof DOMException && err.name === 'InvalidStateError' ? 'passkey.already' : 'passkey.canceled' })
  })) as PublicKeyCredential | null
  if (!made || !options) throw new ApiError('forbidden', '', { text: 'passkey.canceled' })
  const from = made.response as AuthenticatorAttestationResponse & AuthenticatorAssertionResponse
  const response: Record<string, unknown> = {}
  for (const part of ['clientDataJSON', 'attestationObject', 'authenticatorData', 'signature', 'userHandle'] as const) {
    if (from[part]) response[part] = written(from[part])
  }
  const transports = from.getTransports?.()
  if (transports) response.transports = transports
  return { challenge, credential: { id: made.id, rawId: made.id, type: made.type, response, clientExtensionResults: {} } }
}

const keys = (all: PublicKeyCredentialDescriptorJSON[] = []) => all.map((k) => ({ ...k, id: bytes(k.id) }))

/** Makes a passkey on this device. */
export function makePasskey(challenge: Challenge): Promise<PasskeyAnswer> {
  const o = challenge.options as unknown as PublicKeyCredentialCreationOptionsJSON
  const publicKey = { ...o, challenge: bytes(o.challenge), user: { ...o.user, id: bytes(o.user.id) }, excludeCredentials: keys(o.excludeCredentials) }
  return answer(challenge, () => navigator.credentials.create({ publicKey: publicKey as PublicKeyCredentialCreationOptions }))
}

function sign(challenge: Challenge): Promise<PasskeyAnswer> {
  const o = challenge.options as unknown as PublicKeyCredentialRequestOptionsJSON
  const publicKey = { ...o, challenge: bytes(o.challenge), allowCredentials: keys(o.allowCredentials) }
  return answer(challenge, () => navigator.credentials.get({ publicKey: publicKey as PublicKeyCredentialRequestOptions }))
}

/** Uses a passkey before the log-in: for it, or in place of a code. */
export const signOutside = async () => sign(await rest.askPasskey())

/** Uses a passkey to prove who it is. */
export const signInside = async () => sign(await call('passkey.ask', {}))

/** Logs in without name and password. */
export async function logInByPasskey(): Promise<void> {
  arrive(await rest.logInByPasskey(await signOutside()))
}
