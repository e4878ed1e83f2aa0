import type { ConnectionOptions } from 'node:tls'

import { compatibilityPartitioner, ProduceAcks, Producer } from '@platformatic/kafka'

import { NotDelivered, TrackerClosed, Unreachable } from './errors.js'
import { range, requests, type Message, type Transport } from './transport.js'

const MAX_BYTES = 512 * 1024
const MAX_EVENTS = 5_000
const ABANDON_MS = 1_000
// Not 1, which the client's check of its options turns into true: for ever.
const RETRIES = 2
// Asks for a new producer id (KIP-360); the client's own default asks to go on as producer 0, which brokers may refuse.
const NEW_PRODUCER = { producerId: -1n, producerEpoch: -1 }

export interface KafkaOptions {
  /** Addresses of brokers, `host:port`. */
  bootstrapBrokers: string[]
  clientId?: string
  /** TLS options as `tls.connect` takes them; plain text where left out. */
  tls?: ConnectionOptions
  sasl?: {
    mechanism: 'PLAIN' | 'SCRAM-SHA-256' | 'SCRAM-SHA-512' | 'OAUTHBEARER'
    username?: string
    password?: string
    /** Of OAUTHBEARER: the token, or a function that returns one. */
    token?: string | (() => string | Promise<string>)
  }
  /** Timeout after which an unacknowledged batch is retried with a new producer. */
  deliveryMs?: number
}

type KafkaProducer = Producer<Buffer, Buffer, Buffer, Buffer>

/**
 * Sends messages to Kafka, acknowledged by every in-sync replica and never reordered within a key. Each topic has an
 * idempotent producer of its own; one that fails is replaced. A broker without producer ids is not used.
 */
export class KafkaTransport implements Transport {
  readonly #options: KafkaOptions
  readonly #producers = new Map<string, KafkaProducer>()
  #closed = false

  constructor(options: KafkaOptions) {
    this.#options = options
  }

  async connect(topic: string): Promise<void> {
    this.#checkOpen(topic)
    if (this.#producers.has(topic)) return
    const producer = await this.#started()
    try {
      const metadata = await this.#timed(producer.metadata({ topics: [topic], autocreateTopics: false }))
      if (!metadata.topics.get(topic)?.partitionsCount) throw new Error('no such topic')
    } catch {
      await abandon(producer)
      throw new Unreachable(`There is no topic ${topic} at ${this.#options.bootstrapBrokers.join(', ')}: create it first.`)
    }
    if (this.#closed) {
      await abandon(producer)
      this.#checkOpen(topic)
    }
    this.#producers.set(topic, producer)
  }

  async send(topic: string, batch: readonly Message[]): Promise<void> {
    await this.connect(topic)
    const producer = this.#producers.get(topic)
    if (producer === undefined) throw new TrackerClosed(`This transport is closed: it cannot send to ${topic}.`)
    for (const [start, end] of requests(batch, MAX_EVENTS, MAX_BYTES)) {
      const messages = batch.slice(start, end).map(message => ({
        topic,
        key: Buffer.from(message.key),
        value: Buffer.from(message.value)
      }))
      try {
        await this.#timed(producer.send({ messages, acks: ProduceAcks.ALL }))
      } catch (error) {
        // A producer that gave up on a batch leaves a gap in its sequence numbers: it cannot be used again.
        this.#producers.delete(topic)
        await abandon(producer)
        this.#checkOpen(topic)
        throw new NotDelivered(`Kafka did not take all of ${topic}: ${reason(error)}`, range(start, batch.length))
      }
    }
  }

  async close(): Promise<void> {
    this.#closed = true
    const producers = [...this.#producers.values()]
    this.#producers.clear()
    await Promise.all(producers.map(abandon))
  }

  #checkOpen(topic: string): void {
    if (this.#closed) throw new TrackerClosed(`This transport is closed: it cannot send to ${topic}.`)
  }

  async #started(): Promise<KafkaProducer> {
    const { bootstrapBrokers, clientId, tls, sasl } = this.#options
    const producer = new Producer<Buffer, Buffer, Buffer, Buffer>({
      clientId: clientId ?? 'romashka-integration-analytics',
      bootstrapBrokers,
      idempotent: true,
      autocreateTopics: false,
      // Java's and librdkafka's choice; the default of this client differs unless there are 2, 4, 8 ... partitions.
      partitioner: compatibilityPartitioner,
      connectTimeout: 5_000,
      timeout: 10_000,
      retries: RETRIES,
      retryDelay: 100,
      ...(tls === undefined ? {} : { tls }),
      ...(sasl === undefined ? {} : { sasl })
    })
    // An idle connection does not keep the process alive; while events wait, the tracker does, before the process ends.
    producer.connections.on('connect', ({ connection }) => connection.socket.unref())
    try {
      await this.#timed(producer.initIdempotentProducer(NEW_PRODUCER))
      return producer
    } catch (error) {
      await abandon(producer)
      const at = bootstrapBrokers.join(', ')
      if (refusesProducerIds(error)) throw new Unreachable(`The broker at ${at} gives no producer id: ${reason(error)}`)
      throw new Unreachable(`No Kafka broker answers at ${at}: ${reason(error)}`)
    }
  }

  /** Settles like the promise, or rejects on timeout. */
  async #timed<Value>(promise: Promise<Value>): Promise<Value> {
    promise.catch(() => undefined)
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Unreachable('no answer in time')), this.#options.deliveryMs ?? 30_000)
    })
    try {
      return await Promise.race([promise, late])
    } finally {
      clearTimeout(timer)
    }
  }
}

/** Closes a producer; does not wait for an unavailable broker. */
async function abandon(producer: KafkaProducer): Promise<void> {
  try {
    const closed = new Promise<void>((resolve, reject) => producer.close(true, error => (error ? reject(error) : resolve())))
    await Promise.race([closed, new Promise(resolve => setTimeout(resolve, ABANDON_MS).unref())])
  } catch {
    // Its connections are gone already.
  }
}

/** Whether the broker answered, and what it answered is an error. */
function refusesProducerIds(error: unknown): boolean {
  return every(error).some(one => (one as { apiCode?: number }).apiCode !== undefined)
}

function reason(error: unknown): string {
  const codes = every(error).map(one => (one as { apiId?: string; code?: string }).apiId ?? (one as { code?: string }).code)
  return codes.filter(Boolean).pop() ?? (error as Error)?.name ?? 'unknown'
}

function every(error: unknown): unknown[] {
  const inner = (error as { errors?: unknown[] })?.errors ?? []
  const cause = (error as { cause?: unknown })?.cause
  return [error, ...inner.flatMap(every), ...(cause === undefined ? [] : every(cause))]
}
