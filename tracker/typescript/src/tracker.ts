import { randomUUID } from 'node:crypto'

import { contractOf } from './contract.js'
import { BufferFull, DeliveryFailed, TrackerClosed, TrackerError } from './errors.js'
import {
  HEALTH,
  INTELLIGENCE,
  OUTCOMES,
  QUERIES,
  TOPICS,
  type HealthEvent,
  type IntelligenceEvent,
  type OutcomeEvent,
  type QueryEvent,
  type TopicName
} from './generated.js'
import { HttpTransport, type HttpOptions } from './http.js'
import { KafkaTransport, type KafkaOptions } from './kafka.js'
import { Lane } from './lane.js'
import type { Transport } from './transport.js'

export interface TrackerOptions {
  /** Buffer size per topic in events; default 10,000. When it is full, new events are dropped and counted. */
  bufferEvents?: number
  /** Batch size in events (500) ... */
  batchEvents?: number
  /** ... and maximum age of a batch (50 ms). */
  lingerMs?: number
  /** First pause after a failure; doubles up to five seconds. */
  pauseMs?: number
  /**
   * What a call does with an event that cannot be accepted (invalid, buffer full, tracker closed): `report` counts it,
   * calls `onError` and resolves to null, so that the chat goes on; `throw` rejects.
   */
  onBadCall?: 'report' | 'throw'
  /** Called for every bad call and every failed attempt. The error never holds a value of an event. */
  onError?: (error: Error, topic: string) => void
  /** How long a process that has nothing else to do waits for the last events; 5,000 ms. */
  exitMs?: number
}

export interface Counters {
  accepted: number
  delivered: number
  buffered: number
  dropped: number
  invalid: number
  failedAttempts: number
}

type Nullable<Value> = Value | null | undefined
/** What every event may carry. */
export type Context = Pick<
  QueryEvent,
  'customer_id' | 'channel' | 'country' | 'customer_segment' | 'event_id' | 'created_at'
>
export type QueryExtras = Context & Pick<QueryEvent, 'data_type' | 'error_kind'>
export type OutcomeExtras = Context &
  Pick<OutcomeEvent, 'handled_by' | 'handoff_reason' | 'opened_at' | 'experiment' | 'arm'>
export type IntelligenceExtras = Context & Pick<IntelligenceEvent, 'experiment' | 'arm'>
export type HealthExtras = Context &
  Pick<HealthEvent, 'sync_job_id' | 'records_synced' | 'records_failed' | 'duration_ms' | 'error_kind'>

/** Publishes integration events: a call checks the event, puts it into a buffer and returns; it never waits. */
export class IntegrationTracker {
  readonly #transport: Transport
  readonly #lanes: Record<TopicName, Lane>
  readonly #options: TrackerOptions
  readonly #beforeExit: () => void
  readonly #atExit: () => void
  #invalid = 0
  #exiting = false
  #closing: Promise<void> | undefined

  constructor(transport: Transport, options: TrackerOptions = {}) {
    this.#transport = transport
    this.#options = options
    const lane = (topic: TopicName): Lane =>
      new Lane(topic, transport, {
        bufferEvents: options.bufferEvents ?? 10_000,
        batchEvents: options.batchEvents ?? 500,
        lingerMs: options.lingerMs ?? 50,
        pauseMs: options.pauseMs ?? 100,
        onError: (error, of) => this.#report(error, of)
      })
    this.#lanes = Object.fromEntries(TOPICS.map(topic => [topic, lane(topic)])) as Record<TopicName, Lane>
    this.#beforeExit = (): void => this.#lastChance()
    this.#atExit = (): void => this.#tellLoss()
    process.on('beforeExit', this.#beforeExit)
    process.on('exit', this.#atExit)
  }

  /** Returns a tracker that publishes to Kafka. */
  static toKafka(kafka: KafkaOptions, options: TrackerOptions = {}): IntegrationTracker {
    return new IntegrationTracker(new KafkaTransport(kafka), options)
  }

  /** Returns a tracker that publishes through the HTTP collector. */
  static toCollector(http: HttpOptions, options: TrackerOptions = {}): IntegrationTracker {
    return new IntegrationTracker(new HttpTransport(http), options)
  }

  /** The counts up to now; `accepted === delivered + buffered`. */
  get counters(): Counters {
    const lanes = Object.values(this.#lanes)
    const sum = (value: (lane: Lane) => number): number => lanes.reduce((total, lane) => total + value(lane), 0)
    const [accepted, buffered] = [sum(lane => lane.accepted), sum(lane => lane.buffered)]
    return {
      accepted,
      delivered: accepted - buffered,
      buffered,
      dropped: sum(lane => lane.dropped),
      invalid: this.#invalid,
      failedAttempts: sum(lane => lane.failedAttempts)
    }
  }

  /** Reports that the AI asked an integration for data. Resolves to the event's id, or to null (see `onBadCall`). */
  trackIntegrationQuery(event: QueryEvent): Promise<string | null>
  trackIntegrationQuery(
    userId: string,
    conversationId: string,
    integrationProvider: string,
    queryType: string,
    querySuccess: boolean,
    responseTimeMs: number,
    dataFreshnessHours?: Nullable<number>,
    aiConfidenceScore?: Nullable<number>,
    customerSatisfactionImpact?: Nullable<number>,
    extras?: QueryExtras
  ): Promise<string | null>
  trackIntegrationQuery(...values: unknown[]): Promise<string | null> {
    return this.#publish(QUERIES, values, [
      'user_id',
      'conversation_id',
      'integration_provider',
      'query_type',
      'query_success',
      'response_time_ms',
      'data_freshness_hours',
      'ai_confidence_score',
      'customer_satisfaction_impact'
    ])
  }

  /** Reports how a conversation ended, or that it was reopened. The conversation comes first. */
  recordConversationOutcome(event: OutcomeEvent): Promise<string | null>
  recordConversationOutcome(
    conversationId: string,
    userId: string,
    integrationDataUsed: boolean,
    integrationTypesUsed: Nullable<readonly string[]>,
    outcomeType: string,
    resolutionTimeMinutes?: Nullable<number>,
    customerSatisfactionScore?: Nullable<number>,
    businessValueGenerated?: Nullable<number>,
    extras?: OutcomeExtras
  ): Promise<string | null>
  recordConversationOutcome(...values: unknown[]): Promise<string | null> {
    return this.#publish(OUTCOMES, values, [
      'conversation_id',
      'user_id',
      'integration_data_used',
      'integration_types_used',
      'outcome_type',
      'resolution_time_minutes',
      'customer_satisfaction_score',
      'business_value_generated'
    ])
  }

  /** Reports the state of one integration and, in `extras`, the facts of its last sync job. */
  updateIntegrationHealth(event: HealthEvent): Promise<string | null>
  updateIntegrationHealth(
    userId: string,
    integrationProvider: string,
    syncStatus: string,
    lastSyncAt?: Nullable<Date>,
    syncSuccessRate?: Nullable<number>,
    errorRate?: Nullable<number>,
    dataFreshnessScore?: Nullable<number>,
    apiRateLimitUsage?: Nullable<number>,
    extras?: HealthExtras
  ): Promise<string | null>
  updateIntegrationHealth(...values: unknown[]): Promise<string | null> {
    return this.#publish(HEALTH, values, [
      'user_id',
      'integration_provider',
      'sync_status',
      'last_sync_at',
      'sync_success_rate',
      'error_rate',
      'data_freshness_score',
      'api_rate_limit_usage'
    ])
  }

  /** Reports what a conversation needed: the data it touched, the data it lacked. The conversation comes first. */
  recordConversationIntelligence(event: IntelligenceEvent): Promise<string | null>
  recordConversationIntelligence(
    conversationId: string,
    userId: string,
    dataTypesAccessed: Nullable<readonly string[]>,
    knowledgeGapsIdentified: Nullable<readonly string[]>,
    aiConfidenceWithData?: Nullable<number>,
    aiConfidenceWithoutData?: Nullable<number>,
    customerJourneyStage?: Nullable<string>,
    conversionProbability?: Nullable<number>,
    extras?: IntelligenceExtras
  ): Promise<string | null>
  recordConversationIntelligence(...values: unknown[]): Promise<string | null> {
    return this.#publish(INTELLIGENCE, values, [
      'conversation_id',
      'user_id',
      'data_types_accessed',
      'knowledge_gaps_identified',
      'ai_confidence_with_data',
      'ai_confidence_without_data',
      'customer_journey_stage',
      'conversion_probability'
    ])
  }

  /** Waits until every event accepted so far is acknowledged. Rejects with `DeliveryFailed` when time runs out. */
  async flush(timeoutMs = 10_000): Promise<void> {
    const deadline = Date.now() + timeoutMs
    const lanes = Object.values(this.#lanes).map(lane => [lane, lane.accepted] as const)
    await Promise.all(lanes.map(([lane, accepted]) => lane.drained(accepted, deadline)))
    const outstanding = lanes.reduce((count, [lane, accepted]) => count + lane.outstanding(accepted), 0)
    if (outstanding > 0) throw new DeliveryFailed(outstanding)
  }

  /** Accepts no more events, delivers what waits, and stops. Rejects with `DeliveryFailed` when time runs out. */
  close(timeoutMs = 10_000): Promise<void> {
    this.#closing ??= this.#close(timeoutMs)
    return this.#closing
  }

  async #close(timeoutMs: number): Promise<void> {
    process.off('beforeExit', this.#beforeExit)
    try {
      await this.flush(timeoutMs)
    } finally {
      process.off('exit', this.#atExit)
      for (const lane of Object.values(this.#lanes)) lane.stop()
      await this.#transport.close()
    }
  }

  async #publish(topic: TopicName, values: unknown[], names: readonly string[]): Promise<string | null> {
    try {
      if (this.#closing) throw new TrackerClosed('The tracker was closed: the event was not accepted.')
      const fields = { created_at: new Date(), ...fieldsOf(values, names) } as Record<string, unknown>
      fields['created_at'] ??= new Date()
      fields['event_id'] ??= randomUUID()
      const message = contractOf(topic).message(fields)
      if (!this.#lanes[topic].put(message)) {
        throw new BufferFull(`The buffer for ${topic} is full: the event was not accepted.`)
      }
      return String(fields['event_id']).toLowerCase()
    } catch (error) {
      // Anything but our own errors may quote what it was given.
      const known = error instanceof TrackerError ? error : new TrackerError(`${(error as Error)?.name}: the event was not accepted`)
      if (!(error instanceof BufferFull)) this.#invalid += 1
      if (this.#options.onBadCall === 'throw') throw known
      this.#report(known, topic)
      return null
    }
  }

  #report(error: Error, topic: string): void {
    try {
      this.#options.onError?.(error, topic)
    } catch {
      // A hook that fails must not break the chat.
    }
  }

  /** At `process.exit()` nothing can be sent any more: tells how many events are lost. */
  #tellLoss(): void {
    const waiting = this.counters.buffered
    if (waiting > 0) this.#report(new DeliveryFailed(waiting), '')
  }

  #lastChance(): void {
    if (this.#exiting || this.counters.buffered === 0) return
    this.#exiting = true
    this.close(this.#options.exitMs ?? 5_000).catch((error: unknown) => this.#report(error as Error, ''))
  }
}

function fieldsOf(values: unknown[], names: readonly string[]): object {
  const [first] = values
  if (values.length === 1 && typeof first === 'object' && first !== null) return first
  const extras = values[names.length]
  return {
    ...(typeof extras === 'object' && extras !== null ? extras : {}),
    ...Object.fromEntries(names.map((name, position) => [name, values[position]]))
  }
}
