// Events that the collector accepts.
import { randomUUID } from 'node:crypto'

import { QUERIES } from '../dist/esm/index.js'

export const CONVERSATION = '7d444840-9dc0-11d1-b245-5ffdce74fad3'

/** Returns `count` messages of one tenant, told apart by their response time. */
export function numbered(key, count, start = 0, padding = '') {
  return Array.from({ length: count }, (_, offset) => ({
    key,
    value: JSON.stringify({
      event_id: randomUUID(),
      user_id: key,
      created_at: new Date().toISOString(),
      conversation_id: CONVERSATION,
      integration_provider: 'hubspot',
      query_type: 'contact_lookup',
      query_success: true,
      response_time_ms: start + offset,
      ...(padding && { padding })
    })
  }))
}

export const milliseconds = messages => messages.map(message => JSON.parse(message.value).response_time_ms)
export const upTo = count => Array.from({ length: count }, (_, ms) => ms)

/** Tracks queries of one tenant, told apart by their response time. */
export async function track(tracker, key, count, start = 0) {
  for (let ms = start; ms < start + count; ms += 1) {
    await tracker.trackIntegrationQuery(key, CONVERSATION, 'hubspot', 'contact_lookup', true, ms)
  }
}

/** Returns the numbers of the events in Kafka, each `event_id` once, as they are counted. */
export async function counted(stack, key) {
  const seen = new Map()
  for (const message of await stack.do('read', QUERIES, key)) {
    const event = JSON.parse(message.value)
    if (!seen.has(event.event_id)) seen.set(event.event_id, event.response_time_ms)
  }
  return [...seen.values()]
}

export const pause = ms => new Promise(resolve => setTimeout(resolve, ms))

/** Waits until a condition holds. */
export async function until(condition, ms = 30_000) {
  const deadline = Date.now() + ms
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`it did not happen within ${ms} ms: ${condition}`)
    await pause(20)
  }
}
