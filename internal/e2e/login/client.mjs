// An OAuth and OpenID client that others wrote (openid-client) against a login server: node client.mjs, with what it is to do as JSON on standard
// input; it prints what it got. The packages are found from the folder that NODE_PATH's owner installed them in (CLIENTS).
import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'
import { readFileSync } from 'node:fs'

const find = createRequire(process.env.CLIENTS + '/')
const oidc = await import(pathToFileURL(find.resolve('openid-client')))
const task = JSON.parse(readFileSync(0))
const own = { id_token_signed_response_alg: 'EdDSA' }
const insecure = { execute: [oidc.allowInsecureRequests] } // on loopback
const discover = (id, secret) =>
  oidc.discovery(new URL(task.issuer), id, own, secret ? oidc.ClientSecretBasic(secret) : oidc.None(), insecure)
const out = {}

// A person signs in with a code, in a browser that this stands for.
const web = await discover('web', task.secret)
const verifier = oidc.randomPKCECodeVerifier()
const state = oidc.randomState()
const nonce = oidc.randomNonce()
const at = oidc.buildAuthorizationUrl(web, {
  redirect_uri: task.redirect, scope: 'openid offline_access', state, nonce,
  code_challenge: await oidc.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256',
})
const page = await fetch(at)
if (!(await page.text()).includes('Sign in')) throw new Error('no page to sign in on')
const answer = await fetch(at, {
  method: 'POST', redirect: 'manual', headers: { origin: new URL(task.issuer).origin },
  body: new URLSearchParams({ username: task.user, password: task.password, device: 'browser', device_kind: 'web' }),
})
const back = new URL(answer.headers.get('location'))
const tokens = await oidc.authorizationCodeGrant(web, back, { pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce, idTokenExpected: true })
out.code = { sub: tokens.claims().sub, access: tokens.access_token, user: tokens.user, url: tokens.url }
out.userinfo = (await oidc.fetchUserInfo(web, tokens.access_token, task.user)).sub
const next = await oidc.refreshTokenGrant(web, tokens.refresh_token)
out.refreshed = next.access_token
out.introspected = (await oidc.tokenIntrospection(web, next.access_token)).active
// What was replaced does not serve again, and ends the login.
out.replayed = await oidc.refreshTokenGrant(web, tokens.refresh_token).then(() => 'taken', e => e.error)
out.afterReplay = (await oidc.tokenIntrospection(web, next.access_token)).active
out.code2 = await oidc.authorizationCodeGrant(web, back, { pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce }).then(() => 'taken', e => e.error)

// The first-party client asks for the password itself.
const app = await discover('app')
const own2 = await oidc.genericGrantRequest(app, 'password', { username: task.user, password: task.password, device: 'pixel', device_kind: 'phone' })
out.password = own2.access_token
await oidc.tokenRevocation(app, own2.refresh_token)
out.afterRevocation = await oidc.refreshTokenGrant(app, own2.refresh_token).then(() => 'taken', e => e.error)
out.wrong = await oidc.genericGrantRequest(app, 'password', { username: task.user, password: 'wrong horse' }).then(() => 'taken', e => e.error)

// A service.
const service = await discover('bridge', task.serviceSecret)
out.service = (await oidc.clientCredentialsGrant(service, { scope: 'read' })).access_token
out.beyond = await oidc.clientCredentialsGrant(service, { scope: 'accounts' }).then(() => 'taken', e => e.error)
console.log(JSON.stringify(out))
