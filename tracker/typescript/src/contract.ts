import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'

import { InvalidEvent } from './errors.js'
import { SCHEMAS, type Definition, type Schema, type TopicName } from './generated.js'
import type { Message } from './transport.js'

export const MAX_EVENT_BYTES = 64 * 1024

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i
const EARLIEST = Date.UTC(2000, 0, 1)
const LATEST = Date.UTC(2200, 0, 1)
const HALF_PAIR = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/
const KINDS: Record<string, string> = {
  uuid: 'a UUID',
  'date-time': 'a Date',
  boolean: 'true or false',
  integer: 'a whole number',
  number: 'a number',
  string: 'text',
  array: 'an array'
}

type Values = Record<string, unknown>

/** The contract of the events of one topic. */
export class Contract {
  readonly #event: string
  readonly #required: readonly string[]
  readonly #definitions: Record<string, Definition>
  /** Fields that are given together or not at all: the first option of `anyOf` requires them. */
  readonly #together: readonly string[]
  readonly #validate: ValidateFunction

  constructor(schema: Schema) {
    this.#event = schema.title
    this.#required = schema.required
    this.#definitions = schema.properties
    const { anyOf, ...fields } = schema
    this.#together = anyOf?.[0]?.required ?? []
    // Formats are checked before, by the conversions.
    this.#validate = new Ajv2020({ strict: false, validateFormats: false, unicodeRegExp: true }).compile(fields)
  }

  /** Returns the event as a message; fields that are null or undefined are left out. Throws `InvalidEvent`. */
  message(fields: Values): Message {
    const event: Values = {}
    for (const [name, value] of Object.entries(fields)) {
      if (value !== null && value !== undefined) event[name] = this.#converted(name, value)
    }
    if (!this.#validate(event)) {
      const error = this.#validate.errors?.[0]
      const missing = this.#required.find(name => !(name in event))
      const name = error?.instancePath.split('/')[1] || missing || 'event_id'
      throw this.#invalid(name, fields[name])
    }
    const alone = this.#together.filter(name => !(name in event))
    if (alone[0] !== undefined && alone.length < this.#together.length) throw this.#invalid(alone[0], undefined)
    const value = JSON.stringify(event)
    const bytes = Buffer.byteLength(value)
    if (bytes > MAX_EVENT_BYTES) {
      const sizes = Object.entries(event).map(([name, one]) => [JSON.stringify(one).length, name] as const)
      const largest = sizes.reduce((left, right) => (right[0] > left[0] ? right : left))[1]
      throw new InvalidEvent(
        this.#event,
        largest,
        `the event is ${bytes} bytes as JSON, at most ${MAX_EVENT_BYTES} are allowed; shorten this field first.`
      )
    }
    return { key: String(event['user_id']), value }
  }

  #converted(name: string, value: unknown): unknown {
    const definition = this.#definitions[name]
    if (definition === undefined) throw new InvalidEvent(this.#event, name, 'there is no such field.')
    const format = given(definition).format
    if (format === 'uuid') {
      if (typeof value === 'string' && UUID.test(value)) return value.toLowerCase()
      throw this.#invalid(name, value)
    }
    if (format === 'date-time') {
      if (value instanceof Date && value.getTime() >= EARLIEST && value.getTime() <= LATEST) return value.toISOString()
      throw this.#invalid(name, value)
    }
    const plain = typeof value === 'number' ? Number.isFinite(value) : typeof value === 'boolean' || isText(value)
    if (plain || (Array.isArray(value) && value.every(isText))) return value
    throw this.#invalid(name, value)
  }

  #invalid(name: string, value: unknown): InvalidEvent {
    const kind = Array.isArray(value) ? 'array' : typeof value
    const got = value === null || value === undefined ? 'nothing' : `a value of type ${kind}`
    return new InvalidEvent(this.#event, name, `expected ${expected(this.#definitions[name] ?? {})}; got ${got}.`)
  }
}

function isText(value: unknown): boolean {
  return typeof value === 'string' && !HALF_PAIR.test(value)
}

function given(definition: Definition): Definition {
  const arm = definition.anyOf?.find(one => one.type !== 'null')
  return arm === undefined ? definition : given(arm)
}

function expected(definition: Definition): string {
  const arm = given(definition)
  if (arm.enum) return `one of ${arm.enum.join(', ')}`
  const described = [KINDS[arm.format ?? ''] ?? KINDS[arm.type ?? ''], arm.description].filter(Boolean).join(': ')
  return arm.items ? `${described}; each item ${expected(arm.items)}` : described
}

const contracts = new Map<TopicName, Contract>()

/** Returns the compiled contract of a topic. */
export function contractOf(topic: TopicName): Contract {
  const found = contracts.get(topic) ?? new Contract(SCHEMAS[topic])
  contracts.set(topic, found)
  return found
}
