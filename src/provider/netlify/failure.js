class Failure extends Error {
  constructor(status, message, cause) {
    super(message, { cause })
    this.status = status
  }
}

const failed = (status, message) => (cause) => {
  throw cause instanceof Failure ? cause : new Failure(status, message, cause)
}

// What went wrong is for the log only.
const detail = (cause) => {
  try {
    return cause === undefined ? undefined : String(cause?.stack ?? cause)
  } catch {
    return 'unknown'
  }
}
