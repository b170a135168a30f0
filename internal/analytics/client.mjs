// An analyst's work through @clickhouse/client. Reads what to do from standard input as JSON, and prints what came of it.

import { createRequire } from 'node:module'
import { text } from 'node:stream/consumers'

// The client lies where `make engines` put it, not beside this file.
const { ClickHouseError, ClickHouseLogLevel, createClient } = createRequire(process.argv[2] + '/')('@clickhouse/client')

const task = JSON.parse(await text(process.stdin))

// What fails is meant to, and reported.
const log = { level: ClickHouseLogLevel.OFF }

function connect(codec, more = {}) {
  const compression = codec ? { request: { codec }, response: { codec } } : {}
  return createClient({ url: task.url, username: task.user, compression, log, ...more })
}

/** A value as TSV has it. */
function cell(v) {
  if (v === null) return '\\N'
  return String(v).replaceAll('\\', '\\\\').replaceAll("'", "\\'").replaceAll('\t', '\\t').replaceAll('\n', '\\n')
}

const value = (p) => (p.type.startsWith('UInt') ? Number(p.value) : p.value)

async function rows(client, query, more = {}) {
  const result = await client.query({ query, format: 'JSONCompact', ...more })
  return await result.json()
}

async function answer(client, question) {
  const query_params = Object.fromEntries(question.parameters.map((p) => [p.name, value(p)]))
  const { meta, data } = await rows(client, question.sql, { query_params })
  return [meta.map((c) => c.name), ...data.map((row) => row.map(cell))].map((line) => line.join('\t') + '\n').join('')
}

/** The rows of a large result and their sum; a result that has no end is left once there are enough. */
async function stream(client, query, enough = Infinity) {
  const read = { rows: 0, sum: 0 }
  const result = await client.query({ query, format: 'JSONCompactEachRow' })
  for await (const piece of result.stream()) {
    for (const row of piece) read.sum += Number(row.json()[0])
    read.rows += piece.length
    if (read.rows >= enough) break
  }
  return read
}

async function error(what) {
  try {
    await what()
    return { code: 0, text: 'no error' }
  } catch (e) {
    return { code: e instanceof ClickHouseError ? Number(e.code) : 0, text: String(e) }
  }
}

/** Writes rows, as one who may, and says what is there then. */
async function insert(codec) {
  const client = connect(codec, { username: task.writer })
  const table = `${task.scratch}.${codec}`
  await client.command({ query: `CREATE TABLE ${table} (n UInt64, s String) ENGINE = MergeTree ORDER BY n` })
  const values = Array.from({ length: task.insert }, (_, n) => ({ n, s: `é ${n}` }))
  await client.insert({ table, values, format: 'JSONEachRow' })
  const { data } = await rows(client, `SELECT count(), sum(n), countIf(s = concat('é ', toString(n))) FROM ${table}`)
  await client.close()
  return data[0].map(Number)
}

async function each(names, what) {
  const all = {}
  for (const name of names) all[name] = await what(name)
  return all
}

async function streamed(codec) {
  const client = connect(codec)
  const read = await stream(client, task.stream)
  await client.close()
  return read
}

const client = connect('gzip', { session_id: task.session })
// Once a connection is cut, the client forgets what it has not unpacked yet: an error midway may be lost.
const unpacked = connect()
await client.command({ query: `SET max_threads = ${task.setting}` })
const answers = {}
for (const q of task.questions) answers[q.name] = await answer(client, q)
const one = async (...query) => Number((await rows(client, ...query)).data[0][0])
const done = {
  answers,
  echo: (await rows(client, 'SELECT {echo:String}, {list:Array(String)}', { query_params: { echo: task.echo, list: [task.echo] } })).data[0],
  settings: [
    await one("SELECT getSetting('max_threads')"),
    await one("SELECT getSetting('max_block_size')", { clickhouse_settings: { max_block_size: String(task.setting) } }),
  ],
  streams: await each(task.codecs, streamed),
  errors: {
    ...(await each(Object.keys(task.mistakes), (name) => error(() => stream(unpacked, task.mistakes[name])))),
    'a write': await error(() => client.command({ query: task.write })),
  },
  inserts: await each(task.codecs, insert),
}
await client.close()
await unpacked.close()
const leaving = connect('gzip')
done.left = (await stream(leaving, task.endless, task.enough)).rows
await leaving.close()
console.log(JSON.stringify(done))
