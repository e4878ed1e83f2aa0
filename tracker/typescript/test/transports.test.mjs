// What every transport promises: memory, the collector and Kafka run the same tests.
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, describe, test } from 'node:test'

import { HttpTransport, KafkaTransport, MAX_EVENT_BYTES, MemoryTransport, OUTCOMES, QUERIES, TrackerClosed, Unreachable } from '../dist/esm/index.js'
import { milliseconds, numbered, until, upTo } from './events.mjs'
import { skip, Stack } from './stack.mjs'

class MemoryPlace {
  async start() {
    this.kept = new MemoryTransport()
  }
  transport() {
    const { kept } = this
    let closed = false
    const open = work => async (...values) => {
      if (closed) throw new TrackerClosed('closed')
      return kept[work](...values)
    }
    return { connect: open('connect'), send: open('send'), close: async () => { closed = true } }
  }
  async read(topic, key) {
    return this.kept.messages(topic).filter(message => message.key === key)
  }
  async switchOff() {
    this.kept.down = true
  }
  async switchOn() {
    this.kept.down = false
  }
  async stop() {}
}

class KafkaPlace {
  async start() {
    this.stack = new Stack()
    this.bootstrap = (await this.stack.do('broker')).bootstrap
    // Partitions that were just made have no leader for a moment: a send is refused, and tried again by the tracker.
    const transport = new KafkaTransport({ bootstrapBrokers: [this.bootstrap] })
    for (const topic of [QUERIES, OUTCOMES]) {
      for (let n = 0; n < 8; n += 1) await until(() => transport.send(topic, numbered(randomUUID(), 1)).then(() => true, () => false))
    }
    await transport.close()
  }
  transport() {
    return new KafkaTransport({ bootstrapBrokers: [this.bootstrap] })
  }
  read(topic, key) {
    return this.stack.do('read', topic, key)
  }
  switchOff() {
    return this.stack.do('kill')
  }
  switchOn() {
    return this.stack.do('restart')
  }
  stop() {
    return this.stack.stop()
  }
}

class HttpPlace extends KafkaPlace {
  async start() {
    await super.start()
    await this.stack.do('database')
    this.key = (await this.stack.do('key')).key
    this.url = (await this.stack.do('collector')).url
  }
  transport() {
    return new HttpTransport({ url: this.url, key: this.key })
  }
  switchOff() {
    return this.stack.do('kill_collector')
  }
  switchOn() {
    return this.stack.do('collector')
  }
}

for (const [name, place] of [
  ['memory', new MemoryPlace()],
  ['kafka', new KafkaPlace()],
  ['http', new HttpPlace()]
]) {
  describe(name, { skip: name !== 'memory' && skip }, () => {
    before(() => place.start())
    after(() => place.stop())

    async function sending(work) {
      const transport = place.transport()
      try {
        return await work(transport)
      } finally {
        await transport.close()
      }
    }

    test('a sent batch can be read back at once', async () => {
      const [acme, boreas] = [randomUUID(), randomUUID()]
      const batch = [...numbered(acme, 1), ...numbered(boreas, 1, 0, 'Привіт')]
      await sending(transport => transport.send(QUERIES, batch))
      const found = [...(await place.read(QUERIES, acme)), ...(await place.read(QUERIES, boreas))]
      assert.deepEqual(found.map(one => one.value), batch.map(one => one.value))
    })

    test('messages of one key arrive in the order given', async () => {
      const [acme, boreas] = [randomUUID(), randomUUID()]
      const mixed = numbered(acme, 300).flatMap((one, at) => [one, ...numbered(boreas, 1, at)])
      await sending(async transport => {
        for (let start = 0; start < mixed.length; start += 150) await transport.send(QUERIES, mixed.slice(start, start + 150))
      })
      assert.deepEqual(milliseconds(await place.read(QUERIES, acme)), upTo(300))
      assert.deepEqual(milliseconds(await place.read(QUERIES, boreas)), upTo(300))
    })

    test('a batch larger than a request arrives whole and in order', async () => {
      const acme = randomUUID()
      const batch = numbered(acme, 40, 0, 'x'.repeat(MAX_EVENT_BYTES - 500))
      await sending(transport => transport.send(QUERIES, batch))
      assert.deepEqual(milliseconds(await place.read(QUERIES, acme)), upTo(40))
    })

    test('topics are sent to side by side', async () => {
      const acme = randomUUID()
      const outcome = {
        event_id: randomUUID(),
        user_id: acme,
        created_at: new Date().toISOString(),
        conversation_id: randomUUID(),
        integration_data_used: false,
        outcome_type: 'resolved'
      }
      await sending(transport =>
        Promise.all([transport.send(QUERIES, numbered(acme, 20)), transport.send(OUTCOMES, [{ key: acme, value: JSON.stringify(outcome) }])])
      )
      assert.equal((await place.read(QUERIES, acme)).length, 20)
      assert.equal((await place.read(OUTCOMES, acme)).length, 1)
    })

    test('a closed transport sends no more and can be closed again', async () => {
      const transport = place.transport()
      await transport.send(QUERIES, numbered(randomUUID(), 1))
      await transport.close()
      await transport.close()
      await assert.rejects(transport.connect(QUERIES), TrackerClosed)
      await assert.rejects(transport.send(QUERIES, numbered(randomUUID(), 1)), TrackerClosed)
    })

    test('a server that is down is unreachable until it is up', async () => {
      await place.switchOff()
      const acme = randomUUID()
      await sending(async transport => {
        await assert.rejects(transport.connect(QUERIES), Unreachable)
        await assert.rejects(transport.send(QUERIES, numbered(acme, 1)), Unreachable)
        await place.switchOn()
        await transport.send(QUERIES, numbered(acme, 3))
      })
      assert.deepEqual(milliseconds(await place.read(QUERIES, acme)), upTo(3))
    })
  })
}
