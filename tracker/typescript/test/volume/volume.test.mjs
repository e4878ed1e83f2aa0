// 100,000 events through Kafka and 100,000 through the collector, 1 % invalid and 2 % repeated: ClickHouse counts them exactly.
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, describe, test } from 'node:test'

import { BufferFull, HttpTransport, IntegrationTracker, KafkaTransport, QUERIES } from '../../dist/esm/index.js'
import { CONVERSATION, pause, until } from '../events.mjs'
import { skip, Stack } from '../stack.mjs'

const EVENTS = Number(process.env.ROMASHKA_VOLUME_EVENTS ?? 100_000)
const TENANTS = Array.from({ length: 20 }, () => randomUUID())
const stack = skip ? undefined : new Stack()
const where = {}

/** Of every hundred calls one is refused by the tracker and two repeat the event before them. */
async function call(tracker, provider, number) {
  const invalid = number % 100 === 75
  const id = `00000000-0000-4000-8000-${String(number % 50 === 1 ? number - 1 : number).padStart(12, '0')}`
  const tenant = TENANTS[Math.floor(number / 50) % TENANTS.length]
  const values = [tenant, CONVERSATION, provider, 'contact_lookup', true, invalid ? -1 : 250]
  await tracker.trackIntegrationQuery(...values, null, null, null, { event_id: provider.length === 5 ? id : id.replace(/^0/, '1') })
}

/** Returns events that only the pipeline refuses: the transport carries what it is given. */
function rejected(count, provider) {
  return Array.from({ length: count }, () => ({
    key: TENANTS[0],
    value: JSON.stringify({
      event_id: randomUUID(),
      user_id: TENANTS[0],
      created_at: new Date().toISOString(),
      conversation_id: CONVERSATION,
      integration_provider: provider,
      query_type: 'contact_lookup',
      query_success: true,
      response_time_ms: -1
    })
  }))
}

describe('volume', { skip }, () => {
  before(async () => {
    where.bootstrap = (await stack.do('broker')).bootstrap
    await stack.do('database')
    where.key = (await stack.do('key')).key
    where.url = (await stack.do('collector')).url
    await stack.do('worker')
  })
  after(() => stack.stop())

  for (const [name, provider, make] of [
    ['kafka', 'kafka', () => new KafkaTransport({ bootstrapBrokers: [where.bootstrap] })],
    ['http', 'httpx-', () => new HttpTransport({ url: where.url, key: where.key })]
  ]) {
    test(`${EVENTS} events through ${name} are counted exactly`, async context => {
      const full = []
      const tracker = new IntegrationTracker(make(), { onError: error => error instanceof BufferFull && full.push(error) })
      const began = performance.now()
      const cpu = process.cpuUsage()
      for (let number = 0; number < EVENTS; number += 1) {
        await call(tracker, provider, number)
        while (tracker.counters.buffered > 8_000) await pause(1)
      }
      await tracker.close(120_000)
      const seconds = (performance.now() - began) / 1000
      const { user, system } = process.cpuUsage(cpu)
      const invalid = EVENTS / 100
      assert.equal(full.length, 0)
      assert.deepEqual([tracker.counters.invalid, tracker.counters.delivered], [invalid, EVENTS - invalid])

      // As many again as the tracker refused, sent past it: the collector refuses them at once, the worker makes dead letters.
      const transport = make()
      await transport.send(QUERIES, rejected(invalid, provider))
      await transport.close()
      if (name === 'http') assert.equal(transport.rejected, invalid)

      const unique = EVENTS - invalid - (2 * EVENTS) / 100
      const count = async sql => Number((await stack.do('rows', sql))[0].n)
      const windows = `SELECT sum(queries) AS n FROM query_windows FINAL WHERE integration_provider = '${provider}'`
      const raw = `SELECT count() AS n FROM integration_query_metrics FINAL WHERE integration_provider = '${provider}'`
      await until(async () => (await count(windows)) >= unique && (await count(raw)) >= unique, 300_000)
      if (name === 'kafka') await until(async () => (await count('SELECT count() AS n FROM dead_letters FINAL')) >= invalid, 60_000)
      await pause(3_000)
      const found = {
        windows: await count(windows),
        rows: await count(raw),
        stored: await count(`SELECT count() AS n FROM integration_query_metrics WHERE integration_provider = '${provider}'`),
        tenants: await count(`SELECT uniqExact(user_id) AS n FROM integration_query_metrics WHERE integration_provider = '${provider}'`),
        dead: await count('SELECT count() AS n FROM dead_letters FINAL')
      }
      context.diagnostic(
        `${name}: ${EVENTS} calls in ${seconds.toFixed(1)} s (${((user + system) / EVENTS).toFixed(1)} us of CPU a call), ` +
          `${invalid} invalid, ${unique} unique; ClickHouse: ${JSON.stringify(found)}`
      )
      assert.equal(found.windows, unique)
      assert.equal(found.rows, unique)
      assert.equal(found.tenants, TENANTS.length)
      assert.equal(found.dead, invalid) // of the Kafka run; those sent to the collector never reach Kafka
    })
  }
})
