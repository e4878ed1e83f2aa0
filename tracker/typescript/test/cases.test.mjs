// The cases that the trackers of all languages share; tests/contracts/test_tracker_cases.py reads the same file.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'

import { InvalidEvent, IntegrationTracker, MemoryTransport } from '../dist/esm/index.js'

const cases = JSON.parse(readFileSync(new URL('../../contract/cases.json', import.meta.url), 'utf8'))

function value(given) {
  if (given?.$date) return new Date(given.$date)
  if (given?.$number) return Number(given.$number)
  if (given?.$repeat) return given.$repeat[0].repeat(given.$repeat[1])
  return given
}

async function call(transport, method, given, extras = {}) {
  const tracker = new IntegrationTracker(transport, { onBadCall: 'throw', lingerMs: 1 })
  const values = Object.fromEntries(Object.entries(extras).map(([name, one]) => [name, value(one)]))
  try {
    await tracker[method](...given.map(value), values)
  } finally {
    await tracker.close()
  }
}

for (const one of cases.calls) {
  test(`a call becomes the event that the case says: ${one.name}`, async () => {
    const transport = new MemoryTransport()
    await call(transport, one.method, one.arguments, one.extras)
    const [message, ...more] = transport.messages(one.topic)
    assert.equal(more.length, 0)
    assert.equal(message.key, one.key)
    const event = JSON.parse(message.value)
    for (const [name, given] of Object.entries(one.event)) {
      const wanted = value(given)
      assert.deepEqual(wanted instanceof Date ? new Date(event[name]) : event[name], wanted)
    }
    assert.deepEqual(new Set(Object.keys(event)), new Set([...Object.keys(one.event), 'event_id', 'created_at']))
  })
}

for (const one of cases.incomplete) {
  test(`one field of two that belong together names the other: ${one.event} without ${one.field}`, async () => {
    await assert.rejects(call(new MemoryTransport(), one.method, one.arguments, one.extras), error => {
      assert.ok(error instanceof InvalidEvent, String(error))
      assert.deepEqual([error.event, error.field], [one.event, one.field])
      assert.ok(!error.message.includes('olha'))
      return true
    })
  })
}

for (const change of cases.invalid.changes) {
  test(`a wrong ${change.field} is named and never shown: ${JSON.stringify(change.value).slice(0, 20)}`, async () => {
    const given = [...cases.invalid.arguments]
    const place = cases.invalid.fields.indexOf(change.field)
    const extras = place < 0 ? { [change.field]: change.value } : {}
    if (place >= 0) given[place] = change.value
    const transport = new MemoryTransport()
    await assert.rejects(call(transport, cases.invalid.method, given, extras), error => {
      assert.ok(error instanceof InvalidEvent, String(error))
      assert.equal(error.event, cases.invalid.event)
      assert.equal(error.field, change.field)
      assert.ok(!error.message.includes('olha'))
      return true
    })
    assert.deepEqual(transport.messages('integration.queries.v1'), [])
  })
}

test('one object says the same as the arguments in order', async () => {
  const { arguments: given, event, topic } = cases.calls[0]
  const transport = new MemoryTransport()
  const tracker = new IntegrationTracker(transport)
  const id = await tracker.trackIntegrationQuery({ ...event, event_id: given[1] })
  await tracker.close()
  assert.equal(id, given[1])
  assert.equal(JSON.parse(transport.messages(topic)[0].value).query_type, event.query_type)
})
