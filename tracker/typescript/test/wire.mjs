// A proxy in front of a broker that sees every request and answer, and can change, delay or lose them.
import { connect, createServer } from 'node:net'

export const PRODUCE = 0
export const INIT_PRODUCER_ID = 22

export class Wire {
  /** Called with the API key and the bytes of each request. */
  onRequest = () => undefined
  /** Called with the API key and the bytes of each answer; may change them, and returns false to cut the connection. */
  onAnswer = () => true
  /** How long each answer takes. */
  delayMs = 0
  #server
  #sockets = new Set()

  async start(bootstrap) {
    const [host, port] = bootstrap.split(':')
    this.#server = createServer(client => this.#serve(client, connect(Number(port), host), Number(port)))
    await new Promise(resolve => this.#server.listen(0, '127.0.0.1', resolve))
    this.port = this.#server.address().port
    this.bootstrap = `127.0.0.1:${this.port}`
  }

  stop() {
    for (const socket of this.#sockets) socket.destroy()
    return new Promise(resolve => this.#server.close(resolve))
  }

  #serve(client, broker, port) {
    const keys = new Map()
    for (const [socket, other] of [[client, broker], [broker, client]]) {
      this.#sockets.add(socket)
      socket.on('error', () => undefined)
      socket.on('close', () => other.destroy())
    }
    frames(client, frame => {
      keys.set(frame.readInt32BE(8), frame.readInt16BE(4))
      this.onRequest(frame.readInt16BE(4), frame)
      broker.write(frame)
    })
    frames(broker, frame => {
      const key = keys.get(frame.readInt32BE(4))
      this.#readdress(frame, port)
      if (this.onAnswer(key, frame) === false) client.destroy()
      else if (this.delayMs) setTimeout(() => client.write(frame), this.delayMs)
      else client.write(frame)
    })
  }

  /** Makes the broker name this proxy as its address. */
  #readdress(frame, port) {
    const address = Buffer.concat([Buffer.from('127.0.0.1'), Buffer.alloc(4)])
    address.writeInt32BE(port, 9)
    for (let at = frame.indexOf(address); at >= 0; at = frame.indexOf(address, at + 1)) frame.writeInt32BE(this.port, at + 9)
  }
}

function frames(socket, each) {
  let rest = Buffer.alloc(0)
  socket.on('data', chunk => {
    rest = Buffer.concat([rest, chunk])
    while (rest.length >= 4 && rest.length >= 4 + rest.readInt32BE(0)) {
      const end = 4 + rest.readInt32BE(0)
      each(rest.subarray(0, end))
      rest = rest.subarray(end)
    }
  })
}

/** Returns producer id and first sequence number of the first record batch in a produce request, found by its magic. */
export function batchOf(frame, value) {
  const magic = 16
  for (let at = 20; at < frame.length - 61; at += 1) {
    const plausible = frame[at + magic] === 2 && frame.readInt32BE(at + 12) === -1 + 1 && frame.readBigInt64BE(at) === 0n
    if (plausible && frame.indexOf(value) > at) return { producerId: frame.readBigInt64BE(at + 43), sequence: frame.readInt32BE(at + 53) }
  }
  throw new Error('there is no record batch in the request')
}
