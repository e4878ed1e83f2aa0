import { NotDelivered, TrackerError, Unreachable } from './errors.js'
import type { Message, Transport } from './transport.js'

const MAX_PAUSE_MS = 5_000

export interface LaneOptions {
  bufferEvents: number
  batchEvents: number
  lingerMs: number
  pauseMs: number
  onError: (error: Error, topic: string) => void
}

/** Delivers the events of one topic, in order, so that a failing topic does not delay others. */
export class Lane {
  accepted = 0
  dropped = 0
  failedAttempts = 0
  #waiting: { number: number; message: Message }[] = []
  #running = false
  #stopped = false
  #timer: NodeJS.Timeout | undefined
  #wake: (() => void) | undefined
  #settled = new Set<() => void>()

  constructor(
    readonly topic: string,
    private readonly transport: Transport,
    private readonly options: LaneOptions
  ) {}

  get buffered(): number {
    return this.#waiting.length
  }

  /** Accepts a message; returns false, and counts it, when the buffer is full. */
  put(message: Message): boolean {
    if (this.#waiting.length >= this.options.bufferEvents) {
      this.dropped += 1
      return false
    }
    this.#waiting.push({ number: this.accepted, message })
    this.accepted += 1
    if (this.#waiting.length >= this.options.batchEvents) this.kick()
    else if (!this.#running && this.#timer === undefined) {
      // It never keeps the process alive by itself: buffered events are sent before the process ends.
      this.#timer = setTimeout(() => this.kick(), this.options.lingerMs).unref()
    }
    return true
  }

  /** Begins to deliver now, and ends a pause after a failure. */
  kick(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    if (!this.#running && !this.#stopped && this.#waiting.length > 0) {
      this.#running = true
      void this.#run()
    }
  }

  /** Returns how many of the first `accepted` events are not acknowledged yet. */
  outstanding(accepted: number): number {
    return this.#waiting.reduce((count, one) => count + (one.number < accepted ? 1 : 0), 0)
  }

  /** Resolves to true once the first `accepted` events are acknowledged, to false when the time is over before. */
  async drained(accepted: number, deadline: number): Promise<boolean> {
    this.kick()
    while (this.outstanding(accepted) > 0) {
      const left = deadline - Date.now()
      if (left <= 0) return false
      await new Promise<void>(resolve => {
        const done = (): void => {
          clearTimeout(timer)
          this.#settled.delete(done)
          resolve()
        }
        const timer = setTimeout(done, Math.min(left, 2 ** 30))
        this.#settled.add(done)
      })
    }
    return true
  }

  /** Stops delivery. */
  stop(): void {
    this.#stopped = true
    clearTimeout(this.#timer)
    this.#wake?.()
  }

  async #run(): Promise<void> {
    let pause = this.options.pauseMs
    while (!this.#stopped && this.#waiting.length > 0) {
      try {
        await this.#deliver()
        pause = this.options.pauseMs
      } catch (error) {
        this.failedAttempts += 1
        // Only our own messages are known to be free of event contents.
        const known = error instanceof TrackerError ? error : new Unreachable(`${(error as Error)?.name ?? 'Error'} in the transport`)
        this.options.onError(known, this.topic)
        const asked = error instanceof Unreachable || error instanceof NotDelivered ? error.retryAfterMs : 0
        await this.#rest(Math.max(pause, asked))
        pause = Math.min(2 * pause, MAX_PAUSE_MS)
      }
      for (const done of [...this.#settled]) done()
    }
    this.#running = false
  }

  async #deliver(): Promise<void> {
    const batch = this.#waiting.slice(0, this.options.batchEvents)
    try {
      await this.transport.send(this.topic, batch.map(one => one.message))
    } catch (error) {
      if (error instanceof NotDelivered) {
        const left = new Set(error.positions)
        this.#waiting.splice(0, batch.length, ...batch.filter((_, position) => left.has(position)))
      }
      throw error
    }
    this.#waiting.splice(0, batch.length)
  }

  async #rest(ms: number): Promise<void> {
    await new Promise<void>(resolve => {
      const timer = setTimeout(resolve, ms)
      this.#wake = (): void => {
        clearTimeout(timer)
        resolve()
      }
    })
    this.#wake = undefined
  }
}
