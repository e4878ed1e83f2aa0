// Starts what tests/typescript/stack.py starts: Kafka, ClickHouse and the collector, each when it is asked for.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../../../', import.meta.url))
const python = process.env.ROMASHKA_PYTHON ?? `${root}.venv/bin/python`

/** Why the tests with servers cannot run here; false where they can. */
export const skip = existsSync(python) ? false : `there is no ${python}: run 'make setup' first`

export class Stack {
  #process
  #answers = []

  constructor() {
    this.#process = spawn(python, ['-m', 'tests.typescript.stack'], { cwd: root, stdio: ['pipe', 'pipe', 'inherit'] })
    createInterface({ input: this.#process.stdout }).on('line', line => this.#answers.shift()(JSON.parse(line)))
    this.#process.on('exit', () => this.#answers.splice(0).forEach(answer => answer({ error: 'the stack ended' })))
  }

  async do(name, ...values) {
    const { result, error } = await new Promise(resolve => {
      this.#answers.push(resolve)
      this.#process.stdin.write(`${JSON.stringify([name, values])}\n`)
    })
    if (error) throw new Error(`${name}: ${error}`)
    return result
  }

  async stop() {
    const ended = new Promise(resolve => this.#process.on('exit', resolve))
    this.#process.stdin.end()
    await ended
  }
}
