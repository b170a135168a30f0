// An OpenID provider that others wrote (oauth2-mock-server), as an issuer that is not Annal's: it prints its URL and a token of a user, and
// serves until its standard input ends.
import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'

const find = createRequire(process.env.CLIENTS + '/')
const { OAuth2Server } = await import(pathToFileURL(find.resolve('oauth2-mock-server')))
const server = new OAuth2Server()
await server.issuer.keys.generate('RS256')
await server.start(0, '127.0.0.1')
const url = server.issuer.url.replace('localhost', '127.0.0.1')
server.issuer.url = url
const token = claims => server.issuer.buildToken({
  scopesOrTransform: (_, payload) => Object.assign(payload, { aud: 'chat', sub: '4711', preferred_username: 'ann', groups: ['staff'] }, claims),
})
console.log(JSON.stringify({
  url, good: await token({}), audience: await token({ aud: 'mail' }), group: await token({ groups: ['guests'] }),
  expired: await token({ exp: Math.floor(Date.now() / 1000) - 1 }),
}))
process.stdin.resume()
process.stdin.on('end', () => server.stop().then(() => process.exit(0)))
