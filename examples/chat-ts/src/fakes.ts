import Fastify, { type FastifyInstance } from 'fastify'

/** Stand-ins for HubSpot and Shopify: a few records, every tenth order lookup fails as a rate limit does. */
export function fakes(): FastifyInstance {
  const app = Fastify()
  let lookups = 0
  app.get('/hubspot/contacts/:id', async (request, reply) => {
    const { id } = request.params as { id: string }
    if (id === 'unknown') return reply.code(404).send({ message: 'no such contact' })
    return { id, name: `Customer ${id}`, updated_at: hoursAgo(2) }
  })
  app.get('/shopify/orders/:id', async (request, reply) => {
    lookups += 1
    if (lookups % 10 === 0) return reply.code(429).send({ message: 'slow down' })
    return { id: (request.params as { id: string }).id, state: 'shipped', updated_at: hoursAgo(0.5) }
  })
  return app
}

function hoursAgo(hours: number): string {
  return new Date(Date.now() - hours * 3_600_000).toISOString()
}
