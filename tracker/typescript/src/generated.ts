// Generated from the JSON Schemas by scripts/generate.mjs: do not edit.

/** The AI asked an integration for data: what it asked, whether it got an answer, how long that took. */
export interface QueryEvent {
  /** Made once by the producer; a repeat of it is the same event; neither all zeros nor all f */
  event_id?: string | null | undefined
  /** The business whose integrations are used (the tenant); neither all zeros nor all f */
  user_id: string
  /** When it happened: ISO-8601 with an offset, 2000 or later */
  created_at?: Date | null | undefined
  /** The tenant's own customer, 1 to 128 characters, not only blanks; pseudonymised on arrival */
  customer_id?: string | null | undefined
  /** 1 to 128 characters, no control characters */
  channel?: string | null | undefined
  /** ISO 3166-1 alpha-2, for example DE */
  country?: string | null | undefined
  /** 1 to 128 characters, no control characters */
  customer_segment?: string | null | undefined
  /** The conversation this belongs to; neither all zeros nor all f */
  conversation_id: string
  /** An integration in lower case, at most 63 of a-z, 0-9, _ and -, for example hubspot; new ones need no registration */
  integration_provider: string
  /** 1 to 128 characters, no control characters */
  query_type: string
  query_success: boolean
  /** Whole milliseconds, 0 or more */
  response_time_ms: number
  /** Hours, 0 or more, kept to four decimals */
  data_freshness_hours?: number | null | undefined
  /** 0 to 1, kept to four decimals */
  ai_confidence_score?: number | null | undefined
  /** -1 to 1, kept to four decimals */
  customer_satisfaction_impact?: number | null | undefined
  /** 1 to 128 characters, no control characters */
  data_type?: string | null | undefined
  /** What went wrong: auth, permission, rate_limit, timeout, not_found, schema, provider_down, unknown, or another word for one of them (token_revoked, 429); any other word of 1 to 128 characters stays */
  error_kind?: string | null | undefined
}

/** How a conversation ended, or that it was reopened, and what it was worth.

Common values of ``outcome_type``: resolved, escalated, abandoned, converted, upsold, reopened, unresolved. */
export interface OutcomeEvent {
  /** Made once by the producer; a repeat of it is the same event; neither all zeros nor all f */
  event_id?: string | null | undefined
  /** The business whose integrations are used (the tenant); neither all zeros nor all f */
  user_id: string
  /** When it happened: ISO-8601 with an offset, 2000 or later */
  created_at?: Date | null | undefined
  /** The tenant's own customer, 1 to 128 characters, not only blanks; pseudonymised on arrival */
  customer_id?: string | null | undefined
  /** 1 to 128 characters, no control characters */
  channel?: string | null | undefined
  /** ISO 3166-1 alpha-2, for example DE */
  country?: string | null | undefined
  /** 1 to 128 characters, no control characters */
  customer_segment?: string | null | undefined
  /** The conversation this belongs to; neither all zeros nor all f */
  conversation_id: string
  integration_data_used: boolean
  /** At most 64 integrations */
  integration_types_used?: readonly (string)[] | null | undefined
  /** 1 to 128 characters, no control characters */
  outcome_type: string
  /** Whole minutes, 0 or more */
  resolution_time_minutes?: number | null | undefined
  /** 1 to 5, kept to four decimals */
  customer_satisfaction_score?: number | null | undefined
  business_value_generated?: number | null | undefined
  handled_by?: "ai" | "human" | "mixed" | null | undefined
  /** 1 to 128 characters, no control characters */
  handoff_reason?: string | null | undefined
  /** ISO-8601 with an offset, between 2000 and 2200 */
  opened_at?: Date | null | undefined
  /** The experiment that the conversation takes part in, together with arm; 1 to 128 characters, no control characters */
  experiment?: string | null | undefined
  /** The arm that the conversation was assigned to, together with experiment; 1 to 128 characters, no control characters */
  arm?: string | null | undefined
}

/** The state of one integration of one tenant, and the facts of its last sync job. */
export interface HealthEvent {
  /** Made once by the producer; a repeat of it is the same event; neither all zeros nor all f */
  event_id?: string | null | undefined
  /** The business whose integrations are used (the tenant); neither all zeros nor all f */
  user_id: string
  /** When it happened: ISO-8601 with an offset, 2000 or later */
  created_at?: Date | null | undefined
  /** The tenant's own customer, 1 to 128 characters, not only blanks; pseudonymised on arrival */
  customer_id?: string | null | undefined
  /** 1 to 128 characters, no control characters */
  channel?: string | null | undefined
  /** ISO 3166-1 alpha-2, for example DE */
  country?: string | null | undefined
  /** 1 to 128 characters, no control characters */
  customer_segment?: string | null | undefined
  /** An integration in lower case, at most 63 of a-z, 0-9, _ and -, for example hubspot; new ones need no registration */
  integration_provider: string
  /** 1 to 128 characters, no control characters */
  sync_status: string
  /** ISO-8601 with an offset, between 2000 and 2200 */
  last_sync_at?: Date | null | undefined
  /** 0 to 1, kept to four decimals */
  sync_success_rate?: number | null | undefined
  /** 0 to 1, kept to four decimals */
  error_rate?: number | null | undefined
  /** 0 to 1, kept to four decimals */
  data_freshness_score?: number | null | undefined
  /** 0 to 1, kept to four decimals */
  api_rate_limit_usage?: number | null | undefined
  /** 1 to 128 characters, not only blanks, no control characters */
  sync_job_id?: string | null | undefined
  /** A whole number, 0 or more */
  records_synced?: number | null | undefined
  /** A whole number, 0 or more */
  records_failed?: number | null | undefined
  /** Whole milliseconds, 0 or more */
  duration_ms?: number | null | undefined
  /** What went wrong: auth, permission, rate_limit, timeout, not_found, schema, provider_down, unknown, or another word for one of them (token_revoked, 429); any other word of 1 to 128 characters stays */
  error_kind?: string | null | undefined
}

/** What the conversation needed: the data it touched, the data that was missing, how sure the AI was. */
export interface IntelligenceEvent {
  /** Made once by the producer; a repeat of it is the same event; neither all zeros nor all f */
  event_id?: string | null | undefined
  /** The business whose integrations are used (the tenant); neither all zeros nor all f */
  user_id: string
  /** When it happened: ISO-8601 with an offset, 2000 or later */
  created_at?: Date | null | undefined
  /** The tenant's own customer, 1 to 128 characters, not only blanks; pseudonymised on arrival */
  customer_id?: string | null | undefined
  /** 1 to 128 characters, no control characters */
  channel?: string | null | undefined
  /** ISO 3166-1 alpha-2, for example DE */
  country?: string | null | undefined
  /** 1 to 128 characters, no control characters */
  customer_segment?: string | null | undefined
  /** The conversation this belongs to; neither all zeros nor all f */
  conversation_id: string
  /** At most 256 labels */
  data_types_accessed?: readonly (string)[] | null | undefined
  /** At most 256 labels */
  knowledge_gaps_identified?: readonly (string)[] | null | undefined
  /** 0 to 1, kept to four decimals */
  ai_confidence_with_data?: number | null | undefined
  /** 0 to 1, kept to four decimals */
  ai_confidence_without_data?: number | null | undefined
  /** 1 to 128 characters, no control characters */
  customer_journey_stage?: string | null | undefined
  /** 0 to 1, kept to four decimals */
  conversion_probability?: number | null | undefined
  /** The experiment that the conversation takes part in, together with arm; 1 to 128 characters, no control characters */
  experiment?: string | null | undefined
  /** The arm that the conversation was assigned to, together with experiment; 1 to 128 characters, no control characters */
  arm?: string | null | undefined
}

export interface Definition {
  type?: string
  format?: string
  description?: string
  enum?: string[]
  items?: Definition
  anyOf?: Definition[]
  [keyword: string]: unknown
}

export interface Schema {
  title: string
  required: string[]
  properties: Record<string, Definition>
  anyOf?: { required?: string[], [keyword: string]: unknown }[]
  [keyword: string]: unknown
}

export const QUERIES = "integration.queries.v1"
const queries: Schema = {
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "$id": "urn:romashka:integration.queries.v1",
  "additionalProperties": true,
  "description": "The AI asked an integration for data: what it asked, whether it got an answer, how long that took.",
  "properties": {
    "event_id": {
      "description": "Made once by the producer; a repeat of it is the same event; neither all zeros nor all f",
      "format": "uuid",
      "pattern": "[1-9a-eA-E]|0.*[fF]|[fF].*0",
      "title": "Event Id",
      "type": "string"
    },
    "user_id": {
      "description": "The business whose integrations are used (the tenant); neither all zeros nor all f",
      "format": "uuid",
      "pattern": "[1-9a-eA-E]|0.*[fF]|[fF].*0",
      "title": "User Id",
      "type": "string"
    },
    "created_at": {
      "description": "When it happened: ISO-8601 with an offset, 2000 or later",
      "format": "date-time",
      "title": "Created At",
      "type": "string"
    },
    "customer_id": {
      "anyOf": [
        {
          "description": "The tenant's own customer, 1 to 128 characters, not only blanks; pseudonymised on arrival",
          "maxLength": 128,
          "minLength": 1,
          "pattern": "[^\\u0000-\\u0020\\u007f-\\u00a0\\u00ad\\u1680\\u180e\\u2000-\\u200f\\u2028-\\u202f\\u205f-\\u206f\\u3000\\ufeff]",
          "type": "string"
        },
        {
          "type": "null"
        }
      ],
      "title": "Customer Id"
    },
    "channel": {
      "anyOf": [
        {
          "description": "1 to 128 characters, no control characters",
          "pattern": "^[^\\x00-\\x1f\\x7f-\\x9f]{1,128}$",
          "type": "string"
        },
        {
          "type": "null"
        }
      ],
      "title": "Channel"
    },
    "country": {
      "anyOf": [
        {
          "description": "ISO 3166-1 alpha-2, for example DE",
          "pattern": "^[A-Z]{2}$",
          "type": "string"
        },
        {
          "type": "null"
        }
      ],
      "title": "Country"
    },
    "customer_segment": {
      "anyOf": [
        {
          "description": "1 to 128 characters, no control characters",
          "pattern": "^[^\\x00-\\x1f\\x7f-\\x9f]{1,128}$",
          "type": "string"
        },
        {
          "type": "null"
        }
      ],
      "title": "Customer Segment"
    },
    "conversation_id": {
      "description": "The conversation this belongs to; neither all zeros nor all f",
      "format": "uuid",
      "pattern": "[1-9a-eA-E]|0.*[fF]|[fF].*0",
      "title": "Conversation Id",
      "type": "string"
    },
    "integration_provider": {
      "description": "An integration in lower case, at most 63 of a-z, 0-9, _ and -, for example hubspot; new ones need no registration",
      "pattern": "^[a-z][a-z0-9_-]{0,62}$",
      "title": "Integration Provider",
      "type": "string"
    },
    "query_type": {
      "description": "1 to 128 characters, no control characters",
      "pattern": "^[^\\x00-\\x1f\\x7f-\\x9f]{1,128}$",
      "title": "Query Type",
      "type": "string"
    },
    "query_success": {
      "title": "Query Success",
      "type": "boolean"
    },
    "response_time_ms": {
      "description": "Whole milliseconds, 0 or more",
      "maximum": 2147483647,
      "minimum": 0,
      "title": "Response Time Ms",
      "type": "integer"
    },
    "data_freshness_hours": {
      "anyOf": [
        {
          "description": "Hours, 0 or more, kept to four decimals",
          "maximum": 1000000,
          "minimum": 0,
          "type": "number"
        },
        {
          "type": "null"
        }
      ],
      "title": "Data Freshness Hours"
    },
    "ai_confidence_score": {
      "anyOf": [
        {
          "description": "0 to 1, kept to four decimals",
          "maximum": 1,
          "minimum": 0,
          "type": "number"
        },
        {
          "type": "null"
        }
      ],
      "title": "Ai Confidence Score"
    },
    "customer_satisfaction_impact": {
      "anyOf": [
        {
          "description": "-1 to 1, kept to four decimals",
          "maximum": 1,
          "minimum": -1,
          "type": "number"
        },
        {
          "type": "null"
        }
      ],
      "title": "Customer Satisfaction Impact"
    },
    "data_type": {
      "anyOf": [
        {
          "description": "1 to 128 characters, no control characters",
          "pattern": "^[^\\x00-\\x1f\\x7f-\\x9f]{1,128}$",
          "type": "string"
        },
        {
          "type": "null"
        }
      ],
      "title": "Data Type"
    },
    "error_kind": {
      "anyOf": [
        {
          "description": "What went wrong: auth, permission, rate_limit, timeout, not_found, schema, provider_down, unknown, or another word for one of them (token_revoked, 429); any other word of 1 to 128 characters stays",
          "pattern": "^[^\\x00-\\x1f\\x7f-\\x9f]{1,128}$",
          "type": "string"
        },
        {
          "type": "null"
        }
      ],
      "title": "Error Kind"
    }
  },
  "required": [
    "event_id",
    "user_id",
    "created_at",
    "conversation_id",
    "integration_provider",
    "query_type",
    "query_success",
    "response_time_ms"
  ],
  "title": "QueryEvent",
  "type": "object"
}
export const OUTCOMES = "integration.outcomes.v1"
const outcomes: Schema = {
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "$id": "urn:romashka:integration.outcomes.v1",
  "additionalProperties": true,
  "anyOf": [
    {
      "properties": {
        "experiment": {
          "type": "string"
        },
        "arm": {
          "type": "string"
        }
      },
      "required": [
        "experiment",
        "arm"
      ]
    },
    {
      "properties": {
        "experiment": {
          "type": "null"
        },
        "arm": {
          "type": "null"
        }
      }
    }
  ],
  "description": "How a conversation ended, or that it was reopened, and what it was worth.\n\nCommon values of ``outcome_type``: resolved, escalated, abandoned, converted, upsold, reopened, unresolved.",
  "properties": {
    "event_id": {
      "description": "Made once by the producer; a repeat of it is the same event; neither all zeros nor all f",
      "format": "uuid",
      "pattern": "[1-9a-eA-E]|0.*[fF]|[fF].*0",
      "title": "Event Id",
      "type": "string"
    },
    "user_id": {
      "description": "The business whose integrations are used (the tenant); neither all zeros nor all f",
      "format": "uuid",
      "pattern": "[1-9a-eA-E]|0.*[fF]|[fF].*0",
      "title": "User Id",
      "type": "string"
    },
    "created_at": {
      "description": "When it happened: ISO-8601 with an offset, 2000 or later",
      "format": "date-time",
      "title": "Created At",
      "type": "string"
    },
    "customer_id": {
      "anyOf": [
        {
          "description": "The tenant's own customer, 1 to 128 characters, not only blanks; pseudonymised on arrival",
          "maxLength": 128,
          "minLength": 1,
          "pattern": "[^\\u0000-\\u0020\\u007f-\\u00a0\\u00ad\\u1680\\u180e\\u2000-\\u200f\\u2028-\\u202f\\u205f-\\u206f\\u3000\\ufeff]",
          "type": "string"
        },
        {
          "type": "null"
        }
      ],
      "title": "Customer Id"
    },
    "channel": {
      "anyOf": [
        {
          "description": "1 to 128 characters, no control characters",
          "pattern": "^[^\\x00-\\x1f\\x7f-\\x9f]{1,128}$",
          "type": "string"
        },
        {
          "type": "null"
        }
      ],
      "title": "Channel"
    },
    "country": {
      "anyOf": [
        {
          "description": "ISO 3166-1 alpha-2, for example DE",
          "pattern": "^[A-Z]{2}$",
          "type": "string"
        },
        {
          "type": "null"
        }
      ],
      "title": "Country"
    },
    "customer_segment": {
      "anyOf": [
        {
          "description": "1 to 128 characters, no control characters",
          "pattern": "^[^\\x00-\\x1f\\x7f-\\x9f]{1,128}$",
          "type": "string"
        },
        {
          "type": "null"
        }
      ],
      "title": "Customer Segment"
    },
    "conversation_id": {
      "description": "The conversation this belongs to; neither all zeros nor all f",
      "format": "uuid",
      "pattern": "[1-9a-eA-E]|0.*[fF]|[fF].*0",
      "title": "Conversation Id",
      "type": "string"
    },
    "integration_data_used": {
      "title": "Integration Data Used",
      "type": "boolean"
    },
    "integration_types_used": {
      "anyOf": [
        {
          "description": "At most 64 integrations",
          "items": {
            "description": "An integration in lower case, at most 63 of a-z, 0-9, _ and -, for example hubspot; new ones need no registration",
            "pattern": "^[a-z][a-z0-9_-]{0,62}$",
            "type": "string"
          },
          "maxItems": 64,
          "type": "array"
        },
        {
          "type": "null"
        }
      ],
      "title": "Integration Types Used"
    },
    "outcome_type": {
      "description": "1 to 128 characters, no control characters",
      "pattern": "^[^\\x00-\\x1f\\x7f-\\x9f]{1,128}$",
      "title": "Outcome Type",
      "type": "string"
    },
    "resolution_time_minutes": {
      "anyOf": [
        {
          "description": "Whole minutes, 0 or more",
          "maximum": 2147483647,
          "minimum": 0,
          "type": "integer"
        },
        {
          "type": "null"
        }
      ],
      "title": "Resolution Time Minutes"
    },
    "customer_satisfaction_score": {
      "anyOf": [
        {
          "description": "1 to 5, kept to four decimals",
          "maximum": 5,
          "minimum": 1,
          "type": "number"
        },
        {
          "type": "null"
        }
      ],
      "title": "Customer Satisfaction Score"
    },
    "business_value_generated": {
      "anyOf": [
        {
          "anyOf": [
            {
              "maximum": 99999999999.9999,
              "minimum": 0,
              "type": "number"
            },
            {
              "type": "string"
            }
          ],
          "description": "The tenant's currency, 0 or more, kept to four decimals"
        },
        {
          "type": "null"
        }
      ],
      "title": "Business Value Generated"
    },
    "handled_by": {
      "anyOf": [
        {
          "enum": [
            "ai",
            "human",
            "mixed"
          ],
          "type": "string"
        },
        {
          "type": "null"
        }
      ],
      "title": "Handled By"
    },
    "handoff_reason": {
      "anyOf": [
        {
          "description": "1 to 128 characters, no control characters",
          "pattern": "^[^\\x00-\\x1f\\x7f-\\x9f]{1,128}$",
          "type": "string"
        },
        {
          "type": "null"
        }
      ],
      "title": "Handoff Reason"
    },
    "opened_at": {
      "anyOf": [
        {
          "description": "ISO-8601 with an offset, between 2000 and 2200",
          "format": "date-time",
          "type": "string"
        },
        {
          "type": "null"
        }
      ],
      "title": "Opened At"
    },
    "experiment": {
      "anyOf": [
        {
          "description": "The experiment that the conversation takes part in, together with arm; 1 to 128 characters, no control characters",
          "pattern": "^[^\\x00-\\x1f\\x7f-\\x9f]{1,128}$",
          "type": "string"
        },
        {
          "type": "null"
        }
      ],
      "title": "Experiment"
    },
    "arm": {
      "anyOf": [
        {
          "description": "The arm that the conversation was assigned to, together with experiment; 1 to 128 characters, no control characters",
          "pattern": "^[^\\x00-\\x1f\\x7f-\\x9f]{1,128}$",
          "type": "string"
        },
        {
          "type": "null"
        }
      ],
      "title": "Arm"
    }
  },
  "required": [
    "event_id",
    "user_id",
    "created_at",
    "conversation_id",
    "integration_data_used",
    "outcome_type"
  ],
  "title": "OutcomeEvent",
  "type": "object"
}
export const HEALTH = "integration.health.v1"
const health: Schema = {
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "$id": "urn:romashka:integration.health.v1",
  "additionalProperties": true,
  "description": "The state of one integration of one tenant, and the facts of its last sync job.",
  "properties": {
    "event_id": {
      "description": "Made once by the producer; a repeat of it is the same event; neither all zeros nor all f",
      "format": "uuid",
      "pattern": "[1-9a-eA-E]|0.*[fF]|[fF].*0",
      "title": "Event Id",
      "type": "string"
    },
    "user_id": {
      "description": "The business whose integrations are used (the tenant); neither all zeros nor all f",
      "format": "uuid",
      "pattern": "[1-9a-eA-E]|0.*[fF]|[fF].*0",
      "title": "User Id",
      "type": "string"
    },
    "created_at": {
      "description": "When it happened: ISO-8601 with an offset, 2000 or later",
      "format": "date-time",
      "title": "Created At",
      "type": "string"
    },
    "customer_id": {
      "anyOf": [
        {
          "description": "The tenant's own customer, 1 to 128 characters, not only blanks; pseudonymised on arrival",
          "maxLength": 128,
          "minLength": 1,
          "pattern": "[^\\u0000-\\u0020\\u007f-\\u00a0\\u00ad\\u1680\\u180e\\u2000-\\u200f\\u2028-\\u202f\\u205f-\\u206f\\u3000\\ufeff]",
          "type": "string"
        },
        {
          "type": "null"
        }
      ],
      "title": "Customer Id"
    },
    "channel": {
      "anyOf": [
        {
          "description": "1 to 128 characters, no control characters",
          "pattern": "^[^\\x00-\\x1f\\x7f-\\x9f]{1,128}$",
          "type": "string"
        },
        {
          "type": "null"
        }
      ],
      "title": "Channel"
    },
    "country": {
      "anyOf": [
        {
          "description": "ISO 3166-1 alpha-2, for example DE",
          "pattern": "^[A-Z]{2}$",
          "type": "string"
        },
        {
          "type": "null"
        }
      ],
      "title": "Country"
    },
    "customer_segment": {
      "anyOf": [
        {
          "description": "1 to 128 characters, no control characters",
          "pattern": "^[^\\x00-\\x1f\\x7f-\\x9f]{1,128}$",
          "type": "string"
        },
        {
          "type": "null"
        }
      ],
      "title": "Customer Segment"
    },
    "integration_provider": {
      "description": "An integration in lower case, at most 63 of a-z, 0-9, _ and -, for example hubspot; new ones need no registration",
      "pattern": "^[a-z][a-z0-9_-]{0,62}$",
      "title": "Integration Provider",
      "type": "string"
    },
    "sync_status": {
      "description": "1 to 128 characters, no control characters",
      "pattern": "^[^\\x00-\\x1f\\x7f-\\x9f]{1,128}$",
      "title": "Sync Status",
      "type": "string"
    },
    "last_sync_at": {
      "anyOf": [
        {
          "description": "ISO-8601 with an offset, between 2000 and 2200",
          "format": "date-time",
          "type": "string"
        },
        {
          "type": "null"
        }
      ],
      "title": "Last Sync At"
    },
    "sync_success_rate": {
      "anyOf": [
        {
          "description": "0 to 1, kept to four decimals",
          "maximum": 1,
          "minimum": 0,
          "type": "number"
        },
        {
          "type": "null"
        }
      ],
      "title": "Sync Success Rate"
    },
    "error_rate": {
      "anyOf": [
        {
          "description": "0 to 1, kept to four decimals",
          "maximum": 1,
          "minimum": 0,
          "type": "number"
        },
        {
          "type": "null"
        }
      ],
      "title": "Error Rate"
    },
    "data_freshness_score": {
      "anyOf": [
        {
          "description": "0 to 1, kept to four decimals",
          "maximum": 1,
          "minimum": 0,
          "type": "number"
        },
        {
          "type": "null"
        }
      ],
      "title": "Data Freshness Score"
    },
    "api_rate_limit_usage": {
      "anyOf": [
        {
          "description": "0 to 1, kept to four decimals",
          "maximum": 1,
          "minimum": 0,
          "type": "number"
        },
        {
          "type": "null"
        }
      ],
      "title": "Api Rate Limit Usage"
    },
    "sync_job_id": {
      "anyOf": [
        {
          "description": "1 to 128 characters, not only blanks, no control characters",
          "maxLength": 128,
          "pattern": "^[^\\x00-\\x1f\\x7f-\\x9f]*[^\\u0000-\\u0020\\u007f-\\u00a0\\u00ad\\u1680\\u180e\\u2000-\\u200f\\u2028-\\u202f\\u205f-\\u206f\\u3000\\ufeff][^\\x00-\\x1f\\x7f-\\x9f]*$",
          "type": "string"
        },
        {
          "type": "null"
        }
      ],
      "title": "Sync Job Id"
    },
    "records_synced": {
      "anyOf": [
        {
          "description": "A whole number, 0 or more",
          "maximum": 2147483647,
          "minimum": 0,
          "type": "integer"
        },
        {
          "type": "null"
        }
      ],
      "title": "Records Synced"
    },
    "records_failed": {
      "anyOf": [
        {
          "description": "A whole number, 0 or more",
          "maximum": 2147483647,
          "minimum": 0,
          "type": "integer"
        },
        {
          "type": "null"
        }
      ],
      "title": "Records Failed"
    },
    "duration_ms": {
      "anyOf": [
        {
          "description": "Whole milliseconds, 0 or more",
          "maximum": 2147483647,
          "minimum": 0,
          "type": "integer"
        },
        {
          "type": "null"
        }
      ],
      "title": "Duration Ms"
    },
    "error_kind": {
      "anyOf": [
        {
          "description": "What went wrong: auth, permission, rate_limit, timeout, not_found, schema, provider_down, unknown, or another word for one of them (token_revoked, 429); any other word of 1 to 128 characters stays",
          "pattern": "^[^\\x00-\\x1f\\x7f-\\x9f]{1,128}$",
          "type": "string"
        },
        {
          "type": "null"
        }
      ],
      "title": "Error Kind"
    }
  },
  "required": [
    "event_id",
    "user_id",
    "created_at",
    "integration_provider",
    "sync_status"
  ],
  "title": "HealthEvent",
  "type": "object"
}
export const INTELLIGENCE = "integration.intelligence.v1"
const intelligence: Schema = {
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "$id": "urn:romashka:integration.intelligence.v1",
  "additionalProperties": true,
  "anyOf": [
    {
      "properties": {
        "experiment": {
          "type": "string"
        },
        "arm": {
          "type": "string"
        }
      },
      "required": [
        "experiment",
        "arm"
      ]
    },
    {
      "properties": {
        "experiment": {
          "type": "null"
        },
        "arm": {
          "type": "null"
        }
      }
    }
  ],
  "description": "What the conversation needed: the data it touched, the data that was missing, how sure the AI was.",
  "properties": {
    "event_id": {
      "description": "Made once by the producer; a repeat of it is the same event; neither all zeros nor all f",
      "format": "uuid",
      "pattern": "[1-9a-eA-E]|0.*[fF]|[fF].*0",
      "title": "Event Id",
      "type": "string"
    },
    "user_id": {
      "description": "The business whose integrations are used (the tenant); neither all zeros nor all f",
      "format": "uuid",
      "pattern": "[1-9a-eA-E]|0.*[fF]|[fF].*0",
      "title": "User Id",
      "type": "string"
    },
    "created_at": {
      "description": "When it happened: ISO-8601 with an offset, 2000 or later",
      "format": "date-time",
      "title": "Created At",
      "type": "string"
    },
    "customer_id": {
      "anyOf": [
        {
          "description": "The tenant's own customer, 1 to 128 characters, not only blanks; pseudonymised on arrival",
          "maxLength": 128,
          "minLength": 1,
          "pattern": "[^\\u0000-\\u0020\\u007f-\\u00a0\\u00ad\\u1680\\u180e\\u2000-\\u200f\\u2028-\\u202f\\u205f-\\u206f\\u3000\\ufeff]",
          "type": "string"
        },
        {
          "type": "null"
        }
      ],
      "title": "Customer Id"
    },
    "channel": {
      "anyOf": [
        {
          "description": "1 to 128 characters, no control characters",
          "pattern": "^[^\\x00-\\x1f\\x7f-\\x9f]{1,128}$",
          "type": "string"
        },
        {
          "type": "null"
        }
      ],
      "title": "Channel"
    },
    "country": {
      "anyOf": [
        {
          "description": "ISO 3166-1 alpha-2, for example DE",
          "pattern": "^[A-Z]{2}$",
          "type": "string"
        },
        {
          "type": "null"
        }
      ],
      "title": "Country"
    },
    "customer_segment": {
      "anyOf": [
        {
          "description": "1 to 128 characters, no control characters",
          "pattern": "^[^\\x00-\\x1f\\x7f-\\x9f]{1,128}$",
          "type": "string"
        },
        {
          "type": "null"
        }
      ],
      "title": "Customer Segment"
    },
    "conversation_id": {
      "description": "The conversation this belongs to; neither all zeros nor all f",
      "format": "uuid",
      "pattern": "[1-9a-eA-E]|0.*[fF]|[fF].*0",
      "title": "Conversation Id",
      "type": "string"
    },
    "data_types_accessed": {
      "anyOf": [
        {
          "description": "At most 256 labels",
          "items": {
            "description": "1 to 128 characters, no control characters",
            "pattern": "^[^\\x00-\\x1f\\x7f-\\x9f]{1,128}$",
            "type": "string"
          },
          "maxItems": 256,
          "type": "array"
        },
        {
          "type": "null"
        }
      ],
      "title": "Data Types Accessed"
    },
    "knowledge_gaps_identified": {
      "anyOf": [
        {
          "description": "At most 256 labels",
          "items": {
            "description": "1 to 128 characters, no control characters",
            "pattern": "^[^\\x00-\\x1f\\x7f-\\x9f]{1,128}$",
            "type": "string"
          },
          "maxItems": 256,
          "type": "array"
        },
        {
          "type": "null"
        }
      ],
      "title": "Knowledge Gaps Identified"
    },
    "ai_confidence_with_data": {
      "anyOf": [
        {
          "description": "0 to 1, kept to four decimals",
          "maximum": 1,
          "minimum": 0,
          "type": "number"
        },
        {
          "type": "null"
        }
      ],
      "title": "Ai Confidence With Data"
    },
    "ai_confidence_without_data": {
      "anyOf": [
        {
          "description": "0 to 1, kept to four decimals",
          "maximum": 1,
          "minimum": 0,
          "type": "number"
        },
        {
          "type": "null"
        }
      ],
      "title": "Ai Confidence Without Data"
    },
    "customer_journey_stage": {
      "anyOf": [
        {
          "description": "1 to 128 characters, no control characters",
          "pattern": "^[^\\x00-\\x1f\\x7f-\\x9f]{1,128}$",
          "type": "string"
        },
        {
          "type": "null"
        }
      ],
      "title": "Customer Journey Stage"
    },
    "conversion_probability": {
      "anyOf": [
        {
          "description": "0 to 1, kept to four decimals",
          "maximum": 1,
          "minimum": 0,
          "type": "number"
        },
        {
          "type": "null"
        }
      ],
      "title": "Conversion Probability"
    },
    "experiment": {
      "anyOf": [
        {
          "description": "The experiment that the conversation takes part in, together with arm; 1 to 128 characters, no control characters",
          "pattern": "^[^\\x00-\\x1f\\x7f-\\x9f]{1,128}$",
          "type": "string"
        },
        {
          "type": "null"
        }
      ],
      "title": "Experiment"
    },
    "arm": {
      "anyOf": [
        {
          "description": "The arm that the conversation was assigned to, together with experiment; 1 to 128 characters, no control characters",
          "pattern": "^[^\\x00-\\x1f\\x7f-\\x9f]{1,128}$",
          "type": "string"
        },
        {
          "type": "null"
        }
      ],
      "title": "Arm"
    }
  },
  "required": [
    "event_id",
    "user_id",
    "created_at",
    "conversation_id"
  ],
  "title": "IntelligenceEvent",
  "type": "object"
}

export const TOPICS = [QUERIES, OUTCOMES, HEALTH, INTELLIGENCE] as const
export type TopicName = (typeof TOPICS)[number]
export const SCHEMAS: Record<TopicName, Schema> = {[QUERIES]: queries, [OUTCOMES]: outcomes, [HEALTH]: health, [INTELLIGENCE]: intelligence}
