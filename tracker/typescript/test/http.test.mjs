// The HTTP transport beside a server that answers as the collector does.
import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { test } from 'node:test'
import { gunzipSync } from 'node:zlib'

import { HttpTransport, NotDelivered, TrackerClosed, TrackerError, Unreachable } from '../dist/esm/index.js'

async function collector(answer) {
  const values = []
  const server = createServer((request, response) => {
    const chunks = []
    request.on('data', chunk => chunks.push(chunk))
    request.on('end', () => {
      const body = gunzipSync(Buffer.concat(chunks)).toString()
      const lines = body === '' ? [] : body.split('\n')
      answer(lines, response, values)
    })
  })
  await new Promise(resolve => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${server.address().port}`
  return { url, values, stop: () => new Promise(resolve => { server.close(resolve); server.closeAllConnections() }) }
}

function verdicts(response, events, status = 202, headers = {}) {
  response.writeHead(status, headers).end(JSON.stringify({ events }))
}

const accepted = (lines, response, values) => {
  values.push(...lines)
  verdicts(response, lines.map(() => ({ status: 'accepted' })))
}
const message = (key, value) => ({ key, value: JSON.stringify({ value }) })

test('an address or a key that no request could be made of is told at once', () => {
  for (const url of ['', 'collector:8081', 'http://', 'http://c:99999', 'http://c?tenant=1', 'http://c#x', 'http://u:p@c']) {
    assert.throws(() => new HttpTransport({ url, key: 'rmk_test' }), TrackerError, url)
  }
  for (const key of ['', 'rmk_x\n', ' rmk_x', 'rmk_\u043a', 'rmk x']) {
    assert.throws(
      () => new HttpTransport({ url: 'http://collector', key }),
      error => error instanceof TrackerError && !error.message.includes('rmk')
    )
  }
})

test('a batch larger than a request arrives whole and in order', async () => {
  const server = await collector(accepted)
  const transport = new HttpTransport({ url: server.url, key: 'rmk_test' })
  const batch = Array.from({ length: 1200 }, (_, n) => message('acme', n))
  await transport.send('queries', batch)
  assert.deepEqual(server.values, batch.map(one => one.value))
  await transport.close()
  await assert.rejects(transport.send('queries', batch), TrackerClosed)
  await server.stop()
})

test('what Kafka did not acknowledge is named with the later messages of the same key', async () => {
  const server = await collector((lines, response) =>
    verdicts(response, lines.map((_, at) => (at === 1 ? { status: 'rejected', reason: 'not_acknowledged' } : { status: 'accepted' })), lines.length ? 503 : 202, { 'Retry-After': '2' })
  )
  const transport = new HttpTransport({ url: server.url, key: 'rmk_test' })
  const batch = [message('acme', 0), message('boreas', 1), message('acme', 2), message('boreas', 3)]
  await assert.rejects(transport.send('queries', batch), error => {
    assert.ok(error instanceof NotDelivered)
    assert.deepEqual(error.positions, [1, 3])
    assert.equal(error.retryAfterMs, 2000)
    return true
  })
  await transport.close()
  await server.stop()
})

test('what is rejected for good is told and counted, and not sent again', async () => {
  const server = await collector((lines, response) => verdicts(response, lines.map(() => ({ status: 'rejected', reason: 'foreign_tenant' }))))
  const told = []
  const transport = new HttpTransport({ url: server.url, key: 'rmk_test', onRejected: verdict => told.push(verdict.reason) })
  await transport.send('queries', [message('acme', 1)])
  assert.deepEqual([transport.rejected, told], [1, ['foreign_tenant']])
  await transport.close()
  await server.stop()
})

test('a refusal, a server that is away and one that is slow are unreachable', async () => {
  const server = await collector((_, response) => response.writeHead(401).end('{"detail": "there is no such API key"}'))
  const transport = new HttpTransport({ url: server.url, key: 'rmk_test' })
  await assert.rejects(transport.connect('queries'), error => error instanceof Unreachable && /401.*no such API key/.test(error.message))
  await server.stop()
  await assert.rejects(transport.connect('queries'), /No collector answers/)
  const slow = await collector(() => undefined)
  await assert.rejects(new HttpTransport({ url: slow.url, key: 'k', timeoutMs: 50 }).connect('queries'), /No collector answers.*TimeoutError/)
  await slow.stop()
})
