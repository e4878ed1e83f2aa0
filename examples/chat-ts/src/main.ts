import { IntegrationTracker } from '@romashka/integration-analytics'

import { chat } from './chat.js'
import { fakes } from './fakes.js'

const { ROMASHKA_COLLECTOR: url, ROMASHKA_KEY: key, ROMASHKA_KAFKA_BOOTSTRAP: kafka, PORT: port = '3000' } = process.env
const options = { onError: (error: Error, topic: string) => console.error(`${topic}: ${error.message}`) }
const tracker =
  url && key
    ? IntegrationTracker.toCollector({ url, key }, options)
    : IntegrationTracker.toKafka({ bootstrapBrokers: (kafka ?? '127.0.0.1:9092').split(',') }, options)
const integrations = fakes()
const service = chat(await integrations.listen({ host: '127.0.0.1', port: 0 }), tracker)
console.log(`chat on ${await service.listen({ host: '127.0.0.1', port: Number(port) })}`)

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, async () => {
    await service.close() // delivers what waits
    await integrations.close()
    console.log(`delivered ${tracker.counters.delivered} events`)
  })
}
