import { promisify } from 'node:util'
import { gzip } from 'node:zlib'

import { NotDelivered, TrackerClosed, TrackerError, Unreachable } from './errors.js'
import { range, requests, type Message, type Transport } from './transport.js'

const pack = promisify(gzip)
const MAX_EVENTS = 500
const MAX_BYTES = 1024 * 1024
const MAX_WAIT_MS = 30_000
const UNACKNOWLEDGED = 'not_acknowledged'

export interface Verdict {
  status: string
  event_id?: string
  stage?: string
  reason?: string
  detail?: string
}

export interface HttpOptions {
  /** The collector, for example `https://collector.example.com`. */
  url: string
  /** A key of the role `producer`. */
  key: string
  /** Timeout of a response. */
  timeoutMs?: number
  /** Called for each event that the collector rejects permanently; such events are not retried. */
  onRejected?: (verdict: Verdict, topic: string) => void
}

/** Sends messages to the HTTP collector, which answers once every in-sync replica of Kafka has them. */
export class HttpTransport implements Transport {
  /** Events that the collector rejected permanently. */
  rejected = 0
  readonly #options: HttpOptions
  readonly #address: string
  readonly #connected = new Set<string>()
  readonly #abort = new AbortController()

  constructor(options: HttpOptions) {
    const url = URL.canParse(options.url) ? new URL(options.url) : undefined
    if (url === undefined || !/^https?:$/.test(url.protocol) || url.username + url.search + url.hash !== '') {
      throw new TrackerError('The address of the collector must be http://host:port or https://host:port.')
    }
    // Told here: no request can be made with another key, so that sending would fail for ever.
    if (!/^[!-~]+$/.test(options.key)) {
      throw new TrackerError(
        'The key of the collector must be visible ASCII characters without blanks and line breaks; where it is read ' +
          'from a file, trim it.'
      )
    }
    this.#options = options
    this.#address = `${url.origin}${url.pathname.replace(/\/+$/, '')}/v1/events?topic=`
  }

  async connect(topic: string): Promise<void> {
    this.#checkOpen(topic)
    if (this.#connected.has(topic)) return
    await this.#post(topic, [])
    this.#connected.add(topic)
  }

  async send(topic: string, batch: readonly Message[]): Promise<void> {
    await this.connect(topic)
    for (const [start, end] of requests(batch, MAX_EVENTS, MAX_BYTES)) {
      let answer
      try {
        answer = await this.#post(topic, batch.slice(start, end))
      } catch (error) {
        if (start === 0 || !(error instanceof Unreachable)) throw error
        throw new NotDelivered(error.message, range(start, batch.length), error.retryAfterMs)
      }
      const failed = this.#failed(topic, answer.verdicts)
      if (failed.length > 0) {
        const positions = [...sameKeys(batch.slice(start, end), failed).map(at => start + at), ...range(end, batch.length)]
        throw new NotDelivered(`The collector did not take all of ${topic}.`, positions, answer.retryAfterMs)
      }
    }
  }

  async close(): Promise<void> {
    this.#abort.abort()
  }

  #checkOpen(topic: string): void {
    if (this.#abort.signal.aborted) throw new TrackerClosed(`This transport is closed: it cannot send to ${topic}.`)
  }

  #failed(topic: string, verdicts: readonly Verdict[]): number[] {
    const failed: number[] = []
    verdicts.forEach((verdict, position) => {
      if (verdict.reason === UNACKNOWLEDGED) failed.push(position)
      else if (verdict.status !== 'accepted') {
        this.rejected += 1
        try {
          this.#options.onRejected?.(verdict, topic)
        } catch {
          // A failing hook must not cause a retry.
        }
      }
    })
    return failed
  }

  async #post(topic: string, batch: readonly Message[]): Promise<{ verdicts: Verdict[]; retryAfterMs: number }> {
    const body = await pack(batch.map(message => message.value).join('\n'), { level: 1 })
    this.#checkOpen(topic)
    let response: Response
    let text: string
    try {
      response = await fetch(this.#address + encodeURIComponent(topic), {
        method: 'POST',
        body,
        headers: {
          authorization: `Bearer ${this.#options.key}`,
          'content-type': 'application/x-ndjson',
          'content-encoding': 'gzip'
        },
        signal: AbortSignal.any([this.#abort.signal, AbortSignal.timeout(this.#options.timeoutMs ?? 20_000)])
      })
      text = await response.text()
    } catch (error) {
      this.#checkOpen(topic)
      throw new Unreachable(`No collector answers at ${new URL(this.#address).origin} (${(error as Error).name}).`)
    }
    const seconds = Number(response.headers.get('retry-after') ?? 0)
    const retryAfterMs = Number.isFinite(seconds) ? Math.min(seconds * 1000, MAX_WAIT_MS) : 0
    const answer = parsed(text)
    if (answer !== undefined && Array.isArray(answer['events']) && answer['events'].length === batch.length) {
      return { verdicts: answer['events'] as Verdict[], retryAfterMs }
    }
    const detail = typeof answer?.['detail'] === 'string' ? answer['detail'] : 'no reason given'
    throw new Unreachable(`The collector answers ${response.status} for ${topic}: ${detail}`, retryAfterMs)
  }
}

/** Returns the events to retry: of each key, from the first that failed, so that the order is kept. */
function sameKeys(batch: readonly Message[], failed: readonly number[]): number[] {
  const first = new Map<string, number>()
  for (const position of failed) {
    const key = batch[position]?.key ?? ''
    if (!first.has(key)) first.set(key, position)
  }
  return range(0, batch.length).filter(at => at >= (first.get(batch[at]?.key ?? '') ?? batch.length))
}

function parsed(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}
