// The package as npm would publish it, installed into an empty project.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const USE = `
const tracker: IntegrationTracker = IntegrationTracker.toCollector({ url: 'http://localhost:1', key: 'k' }, { onError: (error: Error) => void error })
const id: Promise<string | null> = tracker.trackIntegrationQuery('a', 'b', 'hubspot', 'x', true, 1, null, 0.5, undefined, { country: 'DE' })
const event: QueryEvent = { user_id: 'a', conversation_id: 'b', integration_provider: 'x', query_type: 'y', query_success: true, response_time_ms: 1 }
// @ts-expect-error a text is no number
event.response_time_ms = 'slow'
const kafka = new KafkaTransport({ bootstrapBrokers: ['k:1'], tls: { ca: 'pem' }, sasl: { mechanism: 'PLAIN', username: 'u', password: 'p' } })
void id, kafka
`
const IMPORT = `import { IntegrationTracker, KafkaTransport, type QueryEvent } from '@romashka/integration-analytics'\n${USE}`

describe('the packed package', () => {
  const project = mkdtempSync(join(tmpdir(), 'empty-'))
  const run = (command, ...values) => execFileSync(command, values, { cwd: project, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
  let packed

  before(() => {
    packed = JSON.parse(execFileSync('npm', ['pack', '--json', '--pack-destination', project], { cwd: root, encoding: 'utf8' }))[0]
    writeFileSync(join(project, 'package.json'), '{"private": true}')
    run('npm', 'install', '--prefer-offline', '--no-audit', '--no-fund', '--ignore-scripts', `./${packed.filename}`)
  })
  after(() => rmSync(project, { recursive: true }))

  test('it holds what is needed and no more', () => {
    const files = packed.files.map(file => file.path)
    assert.ok(['LICENSE', 'README.md', 'dist/esm/index.js', 'dist/cjs/index.js', 'dist/esm/index.d.ts', 'dist/cjs/index.d.ts'].every(file => files.includes(file)))
    assert.deepEqual(files.filter(file => !/^(dist\/|LICENSE$|README\.md$|package\.json$)/.test(file)), [])
  })

  test('an ES module imports it', () => {
    const program = "import { IntegrationTracker, MemoryTransport } from '@romashka/integration-analytics'; await new IntegrationTracker(new MemoryTransport()).close(); console.log('ok')"
    assert.equal(run(process.execPath, '--input-type=module', '--eval', program).trim(), 'ok')
  })

  test('a CommonJS module requires it', () => {
    const program = "const { IntegrationTracker, MemoryTransport } = require('@romashka/integration-analytics'); new IntegrationTracker(new MemoryTransport()).close().then(() => console.log('ok'))"
    assert.equal(run(process.execPath, '--input-type=commonjs', '--eval', program).trim(), 'ok')
  })

  for (const [resolution, module, file] of [
    ['node16', 'node16', 'use.mts'],
    ['node16', 'node16', 'use.cts'],
    ['nodenext', 'nodenext', 'use.mts'],
    ['bundler', 'esnext', 'use.ts']
  ]) {
    test(`its types resolve under moduleResolution ${resolution} in ${file}`, () => {
      writeFileSync(join(project, file), IMPORT)
      const types = join(root, 'node_modules', '@types')
      const options = ['--noEmit', '--strict', '--target', 'es2022', '--module', module, '--moduleResolution', resolution, '--typeRoots', types, '--types', 'node', file]
      try {
        run(process.execPath, join(root, 'node_modules/typescript/bin/tsc'), ...options)
      } catch (error) {
        assert.fail(error.stdout)
      }
    })
  }
})
