import { NotDelivered, TrackerClosed, Unreachable } from './errors.js'
import { range, type Message, type Transport } from './transport.js'

/** A transport without a network, for tests: keeps messages and fails on demand. */
export class MemoryTransport implements Transport {
  /** Set it to simulate an unavailable server. */
  down = false
  #delivered = new Map<string, Message[]>()
  #failures = 0
  #closed = false

  /** Returns what was delivered to a topic, oldest first. */
  messages(topic: string): Message[] {
    return [...(this.#delivered.get(topic) ?? [])]
  }

  /** Lets the next `times` sends fail. */
  failNext(times = 1): void {
    this.#failures += times
  }

  async connect(topic: string): Promise<void> {
    await Promise.resolve()
    if (this.#closed) throw new TrackerClosed(`This transport is closed: it cannot send to ${topic}.`)
    if (this.down) throw new Unreachable(`No broker answers for ${topic}: this MemoryTransport is set to down.`)
  }

  async send(topic: string, batch: readonly Message[]): Promise<void> {
    await this.connect(topic)
    if (this.#failures > 0) {
      this.#failures -= 1
      throw new NotDelivered('MemoryTransport was told to fail.', range(0, batch.length))
    }
    this.#delivered.set(topic, [...(this.#delivered.get(topic) ?? []), ...batch])
  }

  async close(): Promise<void> {
    this.#closed = true
  }
}
