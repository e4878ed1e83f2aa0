export { MAX_EVENT_BYTES } from './contract.js'
export * from './errors.js'
export {
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
export { HttpTransport, type HttpOptions, type Verdict } from './http.js'
export { KafkaTransport, type KafkaOptions } from './kafka.js'
export { MemoryTransport } from './memory.js'
export {
  IntegrationTracker,
  type Context,
  type Counters,
  type HealthExtras,
  type IntelligenceExtras,
  type OutcomeExtras,
  type QueryExtras,
  type TrackerOptions
} from './tracker.js'
export type { Message, Transport } from './transport.js'
