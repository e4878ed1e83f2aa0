// Writes src/generated.ts from the JSON Schemas of the Python tracker; --check writes nothing and fails on a difference.
import { readFileSync, writeFileSync } from 'node:fs'

const schemas = new URL('../../romashka_tracker/schemas/', import.meta.url)
const target = new URL('../src/generated.ts', import.meta.url)
const topics = { QUERIES: 'queries', OUTCOMES: 'outcomes', HEALTH: 'health', INTELLIGENCE: 'intelligence' }

function given(definition) {
  return definition.anyOf ? given(definition.anyOf.find(arm => arm.type !== 'null')) : definition
}

function typeOf(definition) {
  const arm = given(definition)
  if (arm.enum) return arm.enum.map(value => JSON.stringify(value)).join(' | ')
  if (arm.format === 'date-time') return 'Date'
  if (arm.type === 'array') return `readonly (${typeOf(arm.items)})[]`
  return { string: 'string', boolean: 'boolean', integer: 'number', number: 'number' }[arm.type]
}

const lines = ['// Generated from the JSON Schemas by scripts/generate.mjs: do not edit.', '']
const constants = []
for (const [name, short] of Object.entries(topics)) {
  const topic = `integration.${short}.v1`
  const schema = JSON.parse(readFileSync(new URL(`${topic}.schema.json`, schemas), 'utf8'))
  lines.push(`/** ${schema.description} */`, `export interface ${schema.title} {`)
  for (const [field, definition] of Object.entries(schema.properties)) {
    const made = field === 'event_id' || field === 'created_at'
    const required = schema.required.includes(field) && !made
    const about = given(definition).description
    if (about) lines.push(`  /** ${about} */`)
    lines.push(`  ${field}${required ? '' : '?'}: ${typeOf(definition)}${required ? '' : ' | null | undefined'}`)
  }
  lines.push('}', '')
  constants.push(`export const ${name} = ${JSON.stringify(topic)}`)
  constants.push(`const ${short}: Schema = ${JSON.stringify(schema, null, 2)}`)
}
lines.push(
  'export interface Definition {',
  '  type?: string',
  '  format?: string',
  '  description?: string',
  '  enum?: string[]',
  '  items?: Definition',
  '  anyOf?: Definition[]',
  '  [keyword: string]: unknown',
  '}',
  '',
  'export interface Schema {',
  '  title: string',
  '  required: string[]',
  '  properties: Record<string, Definition>',
  '  anyOf?: { required?: string[], [keyword: string]: unknown }[]',
  '  [keyword: string]: unknown',
  '}',
  '',
  ...constants,
  '',
  `export const TOPICS = [${Object.keys(topics).join(', ')}] as const`,
  'export type TopicName = (typeof TOPICS)[number]',
  `export const SCHEMAS: Record<TopicName, Schema> = {${Object.entries(topics).map(([name, short]) => `[${name}]: ${short}`).join(', ')}}`,
  ''
)
const text = lines.join('\n')
if (process.argv.includes('--check')) {
  if (readFileSync(target, 'utf8') !== text) {
    console.error("src/generated.ts differs from the JSON Schemas: run 'npm run generate' and commit it")
    process.exit(1)
  }
} else {
  writeFileSync(target, text)
}
