// The Kafka transport on a real broker: the embedded one, or Apache Kafka with ROMASHKA_TEST_BROKER=apache.
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, describe, test } from 'node:test'

import { BufferFull, DeliveryFailed, IntegrationTracker, KafkaTransport, NotDelivered, QUERIES, Unreachable } from '../dist/esm/index.js'
import { counted, milliseconds, numbered, pause, track, until, upTo } from './events.mjs'
import { skip, Stack } from './stack.mjs'
import { batchOf, INIT_PRODUCER_ID, PRODUCE, Wire } from './wire.mjs'

const stack = skip ? undefined : new Stack()
let bootstrap, keeps

describe('kafka', { skip }, () => {
  before(async () => ({ bootstrap, keeps } = await stack.do('broker')))
  after(() => stack.stop())

  async function wired(work, options = {}) {
    const wire = new Wire()
    await wire.start(bootstrap)
    const transport = new KafkaTransport({ bootstrapBrokers: [wire.bootstrap], ...options })
    try {
      await work(wire, transport)
    } finally {
      await transport.close()
      await wire.stop()
    }
  }

  test('a missing topic is a clear error and is not created', async () => {
    const transport = new KafkaTransport({ bootstrapBrokers: [bootstrap] })
    const missing = `missing-${randomUUID()}`
    await assert.rejects(transport.send(missing, numbered('a', 1)), error => error instanceof Unreachable && error.message.includes(`no topic ${missing}`))
    await transport.close()
    assert.ok(!(await stack.do('topics')).includes(missing))
  })

  test('a key goes to the partition that other clients choose', async () => {
    const [ours, theirs] = [`ours-${randomUUID()}`, `theirs-${randomUUID()}`]
    for (const topic of [ours, theirs]) await stack.do('create', topic, 7)
    const keys = Array.from({ length: 60 }, () => randomUUID())
    const transport = new KafkaTransport({ bootstrapBrokers: [bootstrap] })
    await transport.send(ours, keys.map(key => ({ key, value: '{}' })))
    await transport.close()
    await stack.do('produce', theirs, keys)
    assert.deepEqual(await stack.do('read', ours), await stack.do('read', theirs))
  })

  test('every batch carries a producer id and goes on with its sequence', async () => {
    await wired(async (wire, transport) => {
      const batches = []
      wire.onRequest = (key, frame) => key === PRODUCE && batches.push(batchOf(frame, 'response_time_ms'))
      const acme = randomUUID()
      for (let start = 0; start < 30; start += 10) await transport.send(QUERIES, numbered(acme, 10, start))
      assert.equal(new Set(batches.map(batch => batch.producerId)).size, 1)
      assert.ok(batches[0].producerId >= 0n)
      assert.deepEqual([...new Set(batches.map(batch => batch.sequence))], [0, 10, 20]) // a batch that is tried again keeps its number
    })
  })

  test('a broker that gives no producer id is told of and never sent to without one', async () => {
    await wired(async (wire, transport) => {
      const produced = []
      wire.onRequest = (key, frame) => key === PRODUCE && produced.push(batchOf(frame, 'response_time_ms'))
      wire.onAnswer = (key, frame) => key !== INIT_PRODUCER_ID || frame.writeInt16BE(-1, 13) > 0
      for (let attempt = 0; attempt < 2; attempt += 1) {
        await assert.rejects(transport.send(QUERIES, numbered(randomUUID(), 1)), error => error instanceof Unreachable && /gives no producer id/.test(error.message))
      }
      assert.deepEqual(produced, [])
      wire.onAnswer = () => true
      await transport.send(QUERIES, numbered(randomUUID(), 1))
      assert.ok(produced[0].producerId >= 0n)
    })
  })

  test('an acknowledgement that gets lost costs nothing and counts nothing twice', async () => {
    await wired(async (wire, transport) => {
      const tracker = new IntegrationTracker(transport, { lingerMs: 1, pauseMs: 10 })
      let cuts = 0
      wire.onAnswer = key => key !== PRODUCE || ++cuts > 2
      const acme = randomUUID()
      await track(tracker, acme, 200)
      await tracker.close(30_000)
      assert.ok(cuts > 2)
      assert.deepEqual(await counted(stack, acme), upTo(200))
    })
  })

  test('a slow broker delays no caller', async () => {
    await wired(async (wire, transport) => {
      wire.delayMs = 300
      const tracker = new IntegrationTracker(transport, { lingerMs: 1 })
      const acme = randomUUID()
      const began = Date.now()
      await track(tracker, acme, 1_000)
      assert.ok(Date.now() - began < 5_000)
      assert.equal(tracker.counters.accepted, 1_000)
      await tracker.close(30_000)
      assert.deepEqual(milliseconds(await stack.do('read', QUERIES, acme)), upTo(1_000))
    })
  })

  test('a broker that answers nothing costs a producer, not the events', async () => {
    const transport = new KafkaTransport({ bootstrapBrokers: [bootstrap], deliveryMs: 500 })
    const acme = randomUUID()
    await transport.send(QUERIES, numbered(acme, 1))
    await stack.do('freeze')
    try {
      await assert.rejects(transport.send(QUERIES, numbered(acme, 2, 1)), error => error instanceof NotDelivered && error.positions.length === 2)
    } finally {
      await stack.do('thaw')
    }
    const tracker = new IntegrationTracker(transport)
    await track(tracker, acme, 2, 3)
    await tracker.close(30_000)
    assert.deepEqual(milliseconds(await stack.do('read', QUERIES, acme)).slice(-2), [3, 4])
  })

  test('while the broker is killed a bounded buffer waits, and what it accepted arrives in order', async () => {
    const errors = []
    const tracker = IntegrationTracker.toKafka(
      { bootstrapBrokers: [bootstrap], deliveryMs: 2_000 },
      { bufferEvents: 100, pauseMs: 20, lingerMs: 1, onError: error => errors.push(error) }
    )
    const [before, after] = [randomUUID(), randomUUID()]
    await track(tracker, before, 50)
    await tracker.flush(30_000)
    await stack.do('kill')
    await track(tracker, after, 150)
    assert.deepEqual([tracker.counters.dropped, tracker.counters.buffered], [50, 100])
    assert.equal(errors.filter(error => error instanceof BufferFull).length, 50)
    await assert.rejects(tracker.flush(200), error => error instanceof DeliveryFailed && error.outstanding === 100)
    await until(() => tracker.counters.failedAttempts > 0)
    await stack.do('restart')
    await tracker.close(40_000)
    assert.deepEqual(milliseconds(await stack.do('read', QUERIES, after)), upTo(100))
    if (keeps) assert.deepEqual(milliseconds(await stack.do('read', QUERIES, before)), upTo(50))
  })

  test('nothing that was acknowledged is lost when the broker is killed while events come', async context => {
    if (!keeps) return context.skip('the embedded broker forgets everything when it is killed')
    const tracker = IntegrationTracker.toKafka({ bootstrapBrokers: [bootstrap], deliveryMs: 2_000 }, { pauseMs: 20, lingerMs: 1, batchEvents: 20 })
    const acme = randomUUID()
    const sending = (async () => {
      for (let ms = 0; ms < 2_000; ms += 1) {
        await track(tracker, acme, 1, ms)
        if (ms % 5 === 0) await pause(1)
      }
    })()
    await until(() => tracker.counters.delivered > 200)
    await stack.do('kill')
    await stack.do('restart')
    await sending
    await tracker.close(40_000)
    assert.equal(tracker.counters.dropped, 0)
    assert.deepEqual(await counted(stack, acme), upTo(2_000))
  })
})
