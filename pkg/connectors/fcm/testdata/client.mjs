// A sender that others wrote (firebase-admin) against the service that it is told of. What it is to send comes as JSON on standard input; it prints what it got.
import { createRequire } from 'node:module'
import { readFileSync } from 'node:fs'
import http2 from 'node:http2'
import https from 'node:https'
import { join } from 'node:path'

const task = JSON.parse(readFileSync(0))
const at = new URL(task.endpoint)
const googles = ['fcm.googleapis.com', 'oauth2.googleapis.com', 'www.googleapis.com']

// It knows no other servers than Google's.
const request = https.request
https.request = (first, ...rest) => {
  const to = typeof first === 'string' ? new URL(first) : first
  const host = to.hostname ?? to.host
  if (!googles.includes(host)) throw new Error(`it asks ${host}`)
  const options = typeof first === 'string' ? { ...rest.shift(), path: to.pathname + to.search } : first
  return request({ ...options, hostname: at.hostname, host: at.hostname, port: at.port, agent: undefined }, ...rest)
}
const connect = http2.connect
http2.connect = (authority, ...rest) => {
  if (!googles.includes(new URL(authority).hostname)) throw new Error(`it connects to ${authority}`)
  const session = connect(at.origin, ...rest)
  // It writes the scheme as "https:". Google's servers take that, Go's do not.
  const send = session.request
  session.request = (headers, ...more) => send.call(session, { ...headers, ':scheme': 'https' }, ...more)
  return session
}

const require = createRequire(join(process.env.CLIENTS, 'package.json'))
const { initializeApp, cert } = require('firebase-admin/app')
const { getMessaging } = require('firebase-admin/messaging')

const app = initializeApp({ credential: cert(JSON.parse(task.credentials)) })
const messaging = getMessaging(app)
const said = []
for (const message of task.messages) {
  try {
    said.push({ name: await messaging.send(message) })
  } catch (e) {
    said.push({ error: e.code, message: e.message })
  }
}
const each = await messaging.sendEach(task.messages)
for (const r of each.responses) said.push(r.success ? { name: r.messageId } : { error: r.error.code, message: r.error.message })
process.stdout.write(JSON.stringify(said))
