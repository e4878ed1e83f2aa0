// What the tracker does when its transport, its hooks or its caller misbehave.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { test } from 'node:test'

import { BufferFull, DeliveryFailed, IntegrationTracker, MemoryTransport, QUERIES, TrackerClosed } from '../dist/esm/index.js'

const ID = '7d444840-9dc0-11d1-b245-5ffdce74fad2'
const query = (tracker, ms = 1) => tracker.trackIntegrationQuery(ID, ID, 'hubspot', 'contact_lookup', true, ms)
const milliseconds = transport => transport.messages(QUERIES).map(message => JSON.parse(message.value).response_time_ms)

test('failures are tried again in order and counted', async () => {
  const transport = new MemoryTransport()
  transport.failNext(3)
  const errors = []
  const tracker = new IntegrationTracker(transport, { pauseMs: 1, batchEvents: 10, onError: error => errors.push(error) })
  for (let ms = 0; ms < 25; ms += 1) await query(tracker, ms)
  await tracker.flush()
  assert.deepEqual(milliseconds(transport), Array.from({ length: 25 }, (_, ms) => ms))
  const { accepted, delivered, buffered, failedAttempts } = tracker.counters
  assert.deepEqual({ accepted, delivered, buffered, failedAttempts }, { accepted: 25, delivered: 25, buffered: 0, failedAttempts: 3 })
  assert.equal(errors.length, 3)
  await tracker.close()
})

test('a bad call does not break the chat: it is counted, told, and resolves to null', async () => {
  const errors = []
  const tracker = new IntegrationTracker(new MemoryTransport(), {
    onError: error => {
      errors.push(error)
      throw new Error('a hook that fails')
    }
  })
  assert.equal(await tracker.trackIntegrationQuery(ID, 'olha.k@example.com', 'hubspot', 'x', true, 1), null)
  assert.equal(await tracker.trackIntegrationQuery(), null)
  assert.equal(await tracker.trackIntegrationQuery({ get user_id() { throw new Error('olha') } }), null)
  assert.equal(tracker.counters.invalid, 3)
  assert.ok(errors.every(error => !error.message.includes('olha')))
  await tracker.close()
  assert.equal(await query(tracker), null)
  assert.ok(errors.at(-1) instanceof TrackerClosed)
})

test('a full buffer drops the newest and counts it', async () => {
  const transport = new MemoryTransport()
  transport.down = true
  const errors = []
  const tracker = new IntegrationTracker(transport, { bufferEvents: 3, pauseMs: 5, onError: error => errors.push(error) })
  for (let ms = 0; ms < 5; ms += 1) await query(tracker, ms)
  assert.equal(tracker.counters.dropped, 2)
  assert.equal(errors.filter(error => error instanceof BufferFull).length, 2)
  await assert.rejects(tracker.flush(30), error => error instanceof DeliveryFailed && error.outstanding === 3)
  transport.down = false
  await tracker.close()
  assert.deepEqual(milliseconds(transport), [0, 1, 2])
})

test('what a transport should not throw loses nothing and is not quoted', async () => {
  const transport = new MemoryTransport()
  const send = transport.send.bind(transport)
  let crashes = 1
  transport.send = async (topic, batch) => {
    if (crashes-- > 0) throw new TypeError(`cannot send ${batch[0].value}`)
    return send(topic, batch)
  }
  const errors = []
  const tracker = new IntegrationTracker(transport, { pauseMs: 1, onError: error => errors.push(error) })
  await query(tracker, 7)
  await tracker.close()
  assert.deepEqual(milliseconds(transport), [7])
  assert.ok(!errors[0].message.includes('hubspot'))
})

test('a process that has nothing else to do sends its last events before it ends', () => {
  const program = `
    import { IntegrationTracker, MemoryTransport, QUERIES } from ${JSON.stringify(new URL('../dist/esm/index.js', import.meta.url))}
    const transport = new MemoryTransport()
    const tracker = new IntegrationTracker(transport, { lingerMs: 60000 })
    tracker.trackIntegrationQuery('${ID}', '${ID}', 'hubspot', 'x', true, 1)
    process.on('exit', () => console.log(transport.messages(QUERIES).length))`
  const printed = execFileSync(process.execPath, ['--input-type=module', '--eval', program], { encoding: 'utf8', timeout: 20000 })
  assert.equal(printed.trim(), '1')
})
