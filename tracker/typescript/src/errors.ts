/** Anything this package throws on purpose. */
export class TrackerError extends Error {
  constructor(message: string) {
    super(message)
    this.name = new.target.name
  }
}

/** An argument breaks the contract of the event: names the field, never holds the value, which may be personal data. */
export class InvalidEvent extends TrackerError {
  constructor(
    readonly event: string,
    readonly field: string,
    problem: string
  ) {
    super(`${event}.${field}: ${problem}`)
  }
}

/** The buffer is full. */
export class BufferFull extends TrackerError {}

/** The tracker, or its transport, was closed. */
export class TrackerClosed extends TrackerError {}

/** A transport could not connect, or nothing of a batch was sent; it is retried. */
export class Unreachable extends TrackerError {
  constructor(
    message: string,
    readonly retryAfterMs = 0
  ) {
    super(message)
  }
}

/** Part of a batch was not acknowledged: `positions` says which; it is retried. */
export class NotDelivered extends TrackerError {
  constructor(
    message: string,
    readonly positions: readonly number[],
    readonly retryAfterMs = 0
  ) {
    super(message)
  }
}

/** `flush` or `close` timed out with unacknowledged events. */
export class DeliveryFailed extends TrackerError {
  constructor(readonly outstanding: number) {
    super(`${outstanding} events were not acknowledged in time.`)
  }
}
