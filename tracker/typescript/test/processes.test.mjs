// What becomes of the last events when a process ends, and of events in cluster workers and threads.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { promisify } from 'node:util'

import { counted, CONVERSATION, upTo } from './events.mjs'
import { skip, Stack } from './stack.mjs'

const run = promisify(execFile)
const stack = skip ? undefined : new Stack()
const index = JSON.stringify(new URL('../dist/esm/index.js', import.meta.url))
const where = {}

describe('processes', { skip }, () => {
  before(async () => {
    const { bootstrap } = await stack.do('broker')
    await stack.do('database')
    const { key } = await stack.do('key')
    const { url } = await stack.do('collector')
    where.kafka = `IntegrationTracker.toKafka({ bootstrapBrokers: ['${bootstrap}'] }, options)`
    where.http = `IntegrationTracker.toCollector({ url: '${url}', key: '${key}' }, options)`
  })
  after(() => stack.stop())

  async function program(transport, body) {
    const folder = await mkdtemp(join(tmpdir(), 'tracker-'))
    const file = join(folder, 'program.mjs')
    await writeFile(
      file,
      `import { IntegrationTracker } from ${index}
      const make = (options = {}) => ${where[transport]}
      const track = async (tracker, tenant, count, start = 0) => {
        for (let ms = start; ms < start + count; ms += 1) await tracker.trackIntegrationQuery(tenant, '${CONVERSATION}', 'hubspot', 'x', true, ms)
      }
      ${body}`
    )
    try {
      return await run(process.execPath, [file], { timeout: 50_000 })
    } finally {
      await rm(folder, { recursive: true })
    }
  }

  for (const transport of ['kafka', 'http']) {
    test(`${transport}: a process with nothing else to do sends its last events, and ends by itself`, async () => {
      const acme = randomUUID()
      await program(transport, `const tracker = make({ lingerMs: 60000, exitMs: 30000 }); await track(tracker, '${acme}', 30)`)
      assert.deepEqual(await counted(stack, acme), upTo(30))
    })

    test(`${transport}: a process that sent long ago ends by itself without close`, async () => {
      const acme = randomUUID()
      await program(transport, `const tracker = make(); await track(tracker, '${acme}', 3); await tracker.flush(30000)`)
      assert.deepEqual(await counted(stack, acme), upTo(3))
    })

    test(`${transport}: the workers of a cluster each send their own`, async () => {
      const acme = randomUUID()
      await program(
        transport,
        `import cluster from 'node:cluster'
        if (cluster.isPrimary) {
          const tracker = make()
          await track(tracker, '${acme}', 10)
          for (let one = 1; one <= 2; one += 1) cluster.fork({ START: String(one * 10) }).on('exit', code => { process.exitCode ||= code })
          await tracker.close(30000)
        } else {
          const tracker = make()
          await track(tracker, '${acme}', 10, Number(process.env.START))
          await tracker.close(30000)
          process.disconnect()
        }`
      )
      assert.deepEqual((await counted(stack, acme)).sort((left, right) => left - right), upTo(30))
    })

    test(`${transport}: a worker thread sends its own`, async () => {
      const acme = randomUUID()
      await program(
        transport,
        `import { isMainThread, Worker } from 'node:worker_threads'
        import { fileURLToPath } from 'node:url'
        if (isMainThread) await new Promise(resolve => new Worker(fileURLToPath(import.meta.url)).on('exit', resolve))
        else { const tracker = make(); await track(tracker, '${acme}', 10); await tracker.close(30000) }`
      )
      assert.deepEqual(await counted(stack, acme), upTo(10))
    })
  }

  test('process.exit with events waiting tells how many are lost', async () => {
    const { stdout } = await program(
      'kafka',
      `const tracker = make({ lingerMs: 60000, onError: error => console.log(error.name, error.outstanding) })
      await track(tracker, '${randomUUID()}', 4)
      process.exit()`
    )
    assert.equal(stdout.trim(), 'DeliveryFailed 4')
  })

  test('a handler of SIGTERM that closes the tracker loses nothing', async () => {
    const acme = randomUUID()
    await program(
      'http',
      `const tracker = make({ lingerMs: 60000 })
      const busy = setInterval(() => undefined, 1000)
      process.on('SIGTERM', async () => { await tracker.close(30000); clearInterval(busy) })
      await track(tracker, '${acme}', 5)
      process.kill(process.pid, 'SIGTERM')`
    )
    assert.deepEqual(await counted(stack, acme), upTo(5))
  })
})
