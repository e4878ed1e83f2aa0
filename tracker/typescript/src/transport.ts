/** One event on its way: `key` is the tenant, `value` the event as JSON. */
export interface Message {
  readonly key: string
  readonly value: string
}

/** Carries messages to topics. The tracker makes one call at a time per topic; topics overlap. */
export interface Transport {
  /** Checks that the topic can be sent to. Throws `Unreachable`, or `TrackerClosed` after `close`. */
  connect(topic: string): Promise<void>
  /**
   * Resolves once every message is acknowledged. Messages with the same key arrive in the order given. Throws
   * `NotDelivered` for part of a batch, `Unreachable` where none was sent, `TrackerClosed` after `close`.
   */
  send(topic: string, batch: readonly Message[]): Promise<void>
  /** Lets go of every connection; may be repeated. */
  close(): Promise<void>
}

/** Returns from where to where each request of a batch goes: bounded in events and bytes, one event at least. */
export function requests(batch: readonly Message[], maxEvents: number, maxBytes: number): [number, number][] {
  const found: [number, number][] = []
  let start = 0
  let size = 0
  batch.forEach((message, position) => {
    const bytes = Buffer.byteLength(message.value) + 1
    if (position > start && (position - start === maxEvents || size + bytes > maxBytes)) {
      found.push([start, position])
      start = position
      size = 0
    }
    size += bytes
  })
  if (batch.length > 0) found.push([start, batch.length])
  return found
}

export function range(start: number, end: number): number[] {
  return Array.from({ length: end - start }, (_, offset) => start + offset)
}
