import type { IntegrationTracker } from '@romashka/integration-analytics'

export interface Asked {
  userId: string
  conversationId: string
  customerId: string
}

export interface Found {
  data: Record<string, unknown> | null
  freshnessHours: number | null
}

const KINDS: Record<number, string> = { 401: 'auth', 403: 'permission', 404: 'not_found', 429: 'rate_limit' }

/** Asks integrations over HTTP and reports each question: what was asked, whether it was answered, how long it took. */
export class Integrations {
  constructor(
    private readonly baseUrl: string,
    private readonly tracker: IntegrationTracker
  ) {}

  contact(asked: Asked): Promise<Found> {
    return this.#ask(asked, 'hubspot', 'contact_lookup', 'contacts', `/hubspot/contacts/${encodeURIComponent(asked.customerId)}`)
  }

  order(asked: Asked, order: string): Promise<Found> {
    return this.#ask(asked, 'shopify', 'order_lookup', 'orders', `/shopify/orders/${encodeURIComponent(order)}`)
  }

  async #ask(asked: Asked, provider: string, queryType: string, dataType: string, path: string): Promise<Found> {
    const began = performance.now()
    const { data, errorKind } = await this.#fetched(path)
    const took = Math.round(performance.now() - began)
    const freshnessHours = data === null ? null : (Date.now() - Date.parse(String(data['updated_at']))) / 3_600_000
    // Resolves as soon as the event is in the buffer, and never rejects: the chat goes on whatever happens to it.
    await this.tracker.trackIntegrationQuery(
      asked.userId,
      asked.conversationId,
      provider,
      queryType,
      data !== null,
      took,
      freshnessHours,
      data === null ? null : 0.92,
      data === null ? -0.4 : 0.5,
      { customer_id: asked.customerId, channel: 'web', data_type: dataType, error_kind: errorKind }
    )
    return { data, freshnessHours }
  }

  async #fetched(path: string): Promise<{ data: Record<string, unknown> | null; errorKind: string | null }> {
    try {
      const response = await fetch(this.baseUrl + path, { signal: AbortSignal.timeout(5_000) })
      if (response.ok) return { data: (await response.json()) as Record<string, unknown>, errorKind: null }
      await response.body?.cancel()
      return { data: null, errorKind: KINDS[response.status] ?? 'provider_down' }
    } catch (error) {
      return { data: null, errorKind: (error as Error).name === 'TimeoutError' ? 'timeout' : 'provider_down' }
    }
  }
}
