import { randomUUID } from 'node:crypto'

import type { IntegrationTracker } from '@romashka/integration-analytics'
import Fastify, { type FastifyInstance } from 'fastify'

import { Integrations } from './integrations.js'

interface Conversation {
  userId: string
  customerId: string
  openedAt: Date
  used: Set<string>
  gaps: string[]
}

interface Message {
  user_id: string
  conversation_id?: string
  customer_id: string
  text: string
}

interface End {
  outcome: string
  satisfaction?: number
  value?: number
}

/** The chat: `POST /chat` answers a message, `POST /chat/:id/end` closes the conversation. */
export function chat(integrationsUrl: string, tracker: IntegrationTracker): FastifyInstance {
  const app = Fastify()
  const integrations = new Integrations(integrationsUrl, tracker)
  const conversations = new Map<string, Conversation>()

  app.post('/chat', async request => {
    const message = request.body as Message
    const id = message.conversation_id ?? randomUUID()
    const found = conversations.get(id)
    const conversation = found ?? { userId: message.user_id, customerId: message.customer_id, openedAt: new Date(), used: new Set(), gaps: [] }
    conversations.set(id, conversation)
    const asked = { userId: message.user_id, conversationId: id, customerId: message.customer_id }
    const order = /order (\S+)/i.exec(message.text)?.[1]
    const answer = order === undefined ? await integrations.contact(asked) : await integrations.order(asked, order)
    if (answer.data === null) {
      conversation.gaps.push(order === undefined ? 'contact' : 'order_state')
      return { conversation_id: id, text: 'I could not look that up just now.' }
    }
    conversation.used.add(order === undefined ? 'hubspot' : 'shopify')
    return { conversation_id: id, text: order === undefined ? `Hello ${answer.data['name']}!` : `Your order is ${answer.data['state']}.` }
  })

  app.post('/chat/:id/end', async (request, reply) => {
    const { id } = request.params as { id: string }
    const { outcome, satisfaction, value } = request.body as End
    const conversation = conversations.get(id)
    if (conversation === undefined) return reply.code(404).send({ message: 'no such conversation' })
    conversations.delete(id)
    const { userId, customerId, openedAt, used, gaps } = conversation
    const minutes = Math.round((Date.now() - openedAt.getTime()) / 60_000)
    const types = [...used]
    const context = { customer_id: customerId, channel: 'web' }
    const solved = used.size > 0
    await tracker.recordConversationIntelligence(id, userId, types, gaps, solved ? 0.9 : 0.4, 0.4, 'support', solved ? 0.6 : 0.1, context)
    await tracker.recordConversationOutcome(id, userId, solved, types, outcome, minutes, satisfaction, value, { ...context, handled_by: 'ai', opened_at: openedAt })
    return { conversation_id: id, outcome }
  })

  /** What the jobs that copy data from the integrations would report when they end. */
  app.post('/synced', async request => {
    const { user_id: userId, provider, records } = request.body as { user_id: string; provider: string; records: number }
    await tracker.updateIntegrationHealth(userId, provider, 'healthy', new Date(), 0.99, 0.01, 0.95, 0.3, { sync_job_id: randomUUID(), records_synced: records, records_failed: 0 })
    return { provider, records }
  })

  app.addHook('onClose', () => tracker.close())
  return app
}
