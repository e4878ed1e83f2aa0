// Conversations with the running service, whose traffic shows up in `romashka kpi summary`.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { createInterface } from 'node:readline'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'

import { until } from '../../../tracker/typescript/test/events.mjs'
import { skip, Stack } from '../../../tracker/typescript/test/stack.mjs'

const CONVERSATIONS = 30
const stack = skip ? undefined : new Stack()

describe('the chat service', { skip }, () => {
  let bootstrap, collector
  before(async () => {
    bootstrap = (await stack.do('broker')).bootstrap
    await stack.do('database')
    collector = { ROMASHKA_COLLECTOR: (await stack.do('collector')).url, ROMASHKA_KEY: (await stack.do('key')).key }
    await stack.do('worker')
  })
  after(() => stack.stop())

  async function served(env, work) {
    const main = fileURLToPath(new URL('../dist/main.js', import.meta.url))
    const service = spawn(process.execPath, [main], { env: { ...process.env, PORT: '0', ...env }, stdio: ['ignore', 'pipe', 'inherit'] })
    const lines = createInterface({ input: service.stdout })[Symbol.asyncIterator]()
    const url = (await lines.next()).value.replace('chat on ', '')
    await work(async (path, body) => {
      const answer = await fetch(url + path, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) })
      assert.equal(answer.status, 200)
      return answer.json()
    })
    const ended = new Promise(resolve => service.on('exit', resolve))
    service.kill('SIGTERM')
    const [{ value: last }, code] = [await lines.next(), await ended]
    assert.equal(code, 0)
    return last
  }

  for (const name of ['kafka', 'collector']) {
    test(`its traffic through ${name} shows up in the figures`, async () => {
      const tenant = randomUUID()
      const last = await served(name === 'kafka' ? { ROMASHKA_KAFKA_BOOTSTRAP: bootstrap } : collector, async post => {
        for (let n = 0; n < CONVERSATIONS; n += 1) {
          const message = { user_id: tenant, customer_id: `c-${n}` }
          const { conversation_id, text } = await post('/chat', { ...message, text: 'Hello' })
          assert.match(text, /^Hello Customer/)
          await post('/chat', { ...message, conversation_id, text: `Where is my order ${n}?` })
          await post(`/chat/${conversation_id}/end`, { outcome: 'resolved', satisfaction: 5, value: 10 })
        }
        await post('/synced', { user_id: tenant, provider: 'hubspot', records: 100 })
      })
      assert.equal(last, `delivered ${4 * CONVERSATIONS + 1} events`)

      const count = async table => Number((await stack.do('rows', `SELECT count() AS n FROM ${table} FINAL WHERE user_id = '${tenant}'`))[0].n)
      await until(async () => (await count('integration_query_metrics')) === 2 * CONVERSATIONS && (await count('conversation_outcomes')) === CONVERSATIONS, 60_000)
      await until(async () => (await count('conversation_intelligence')) === CONVERSATIONS && (await count('integration_health_history')) === 1, 60_000)
      const summary = await stack.do('command', ['kpi', 'summary', '--tenant', tenant, '--by', 'provider', '--format', 'json'])
      assert.match(summary, /hubspot/)
      assert.match(summary, /shopify/)
      const failed = await stack.do('rows', `SELECT countIf(NOT query_success) AS n, anyIf(error_kind, NOT query_success) AS kind FROM integration_query_metrics FINAL WHERE user_id = '${tenant}'`)
      assert.deepEqual(failed, [{ n: CONVERSATIONS / 10, kind: 'rate_limit' }])
    })
  }
})
