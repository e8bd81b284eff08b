import { createHash, generateKeyPairSync, sign } from 'node:crypto'
import { createServer } from 'node:http'

/** An OpenID Connect provider with one person, whom a button of its page logs in. */
export class OIDC {
  static async start(person) {
    const provider = new OIDC()
    const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
    const codes = new Map()
    const part = (x) => Buffer.from(JSON.stringify(x)).toString('base64url')
    const routes = {
      '/.well-known/openid-configuration': () => ({
        issuer: provider.url,
        authorization_endpoint: `${provider.url}/authorize`,
        token_endpoint: `${provider.url}/token`,
        jwks_uri: `${provider.url}/keys`,
        end_session_endpoint: `${provider.url}/bye`,
        id_token_signing_alg_values_supported: ['RS256'],
      }),
      '/keys': () => ({ keys: [{ ...publicKey.export({ format: 'jwk' }), alg: 'RS256', use: 'sig' }] }),
      '/token': (_, body) => {
        const { nonce, challenge } = codes.get(body.get('code'))
        if (createHash('sha256').update(body.get('code_verifier')).digest('base64url') !== challenge) throw new Error('PKCE')
        const now = Math.floor(Date.now() / 1000)
        const text = `${part({ alg: 'RS256' })}.${part({ iss: provider.url, aud: 'parley', nonce, iat: now, exp: now + 300, ...person })}`
        return { access_token: 'x', token_type: 'Bearer', id_token: `${text}.${sign('sha256', Buffer.from(text), privateKey).toString('base64url')}` }
      },
      '/authorize': (query) => {
        const code = String(codes.size)
        codes.set(code, { nonce: query.get('nonce'), challenge: query.get('code_challenge') })
        const back = (answer) => `${query.get('redirect_uri')}?${new URLSearchParams({ state: query.get('state'), ...answer })}`.replaceAll('&', '&amp;')
        return `<a href="${back({ code })}">Yes</a> <a href="${back({ error: 'access_denied' })}">No</a>`
      },
      '/bye': (query) => `<p>Goodbye</p><a href="${query.get('post_logout_redirect_uri')}">Back</a>`,
    }
    provider.server = createServer(async (req, res) => {
      const { pathname, searchParams } = new URL(req.url, provider.url)
      let body = ''
      for await (const chunk of req) body += chunk
      const answer = routes[pathname]?.(searchParams, new URLSearchParams(body)) ?? 'nothing'
      const page = typeof answer === 'string'
      res.setHeader('Content-Type', page ? 'text/html' : 'application/json')
      res.end(page ? answer : JSON.stringify(answer))
    })
    await new Promise((done) => provider.server.listen(0, '127.0.0.1', done))
    provider.url = `http://127.0.0.1:${provider.server.address().port}`
    return provider
  }

  stop() {
    this.server.closeAllConnections()
    return new Promise((done) => this.server.close(done))
  }
}
