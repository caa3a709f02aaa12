/** Asks the gateway as the person who looks at the page: tokens, refusals, what may be sent again. */

const PASSING = new Set([
  "RATE_LIMITED", "OVERLOADED", "TOO_BUSY", "UNAVAILABLE", "SEARCH_UNAVAILABLE",
  "OUTCOME_UNKNOWN", "OPERATION_TIMEOUT", "POSTING_TOO_FAST",
]);
const ATTEMPTS = 3;
const LONGEST = 5; // seconds that somebody waits before a page for what passes
const TIMEOUT = 10_000; // ms; within eight seconds the gateway answers, if only that it took too long

/** Why something was not done: `code` to branch on, `message` for people, `field` of a form. */
export class Refusal extends Error {
  /** @param {{message: string, extensions?: Record<string, any>}} error */
  constructor({ message, extensions = {} }) {
    super(message);
    /** @type {string} */
    this.code = extensions.code ?? "INTERNAL";
    /** @type {string | undefined} */
    this.field = extensions.field;
    /** @type {number} */
    this.retryAfter = extensions.retryAfter ?? 0;
    /** @type {string | undefined} */
    this.traceId = extensions.traceId;
  }
}

/** @typedef {(options: {fresh: boolean}) => Promise<string>} Token */

export class Client {
  /**
   * @param {string} url the gateway, `https://api.example.com`
   * @param {Token} token an access token of who looks; `fresh`: the last one was refused
   * @param {{trusted?: boolean}} [options] trusted: documents are sent by their ids alone
   */
  constructor(url, token, { trusted = false } = {}) {
    this.url = `${url.replace(/\/$/, "")}/graphql`;
    this.token = token;
    this.trusted = trusted;
    /** @type {Map<string, Promise<Record<string, string>>>} */
    this.documents = new Map();
  }

  /**
   * What an operation of `operations/` answers. What passes is asked again, a mutation with the same
   * requestId. Throws a Refusal, or what `signal` was aborted with.
   * @param {string} name
   * @param {Record<string, unknown>} variables
   * @param {AbortSignal} signal
   * @returns {Promise<any>}
   */
  async ask(name, variables, signal) {
    for (let attempt = 1, fresh = false; ; attempt++) {
      try {
        return await this.#once(name, variables, signal, fresh);
      } catch (error) {
        signal.throwIfAborted();
        if (!(error instanceof Refusal)) throw error;
        const refused = error;
        /** @type {boolean} */
        const expired = refused.code === "UNAUTHENTICATED" && !fresh;
        const passes = PASSING.has(refused.code) && refused.retryAfter <= LONGEST;
        if (attempt >= ATTEMPTS || !(expired || passes)) throw refused;
        fresh ||= expired;
        if (passes) await pause(refused.retryAfter + 0.2 * 2 ** attempt * Math.random(), signal);
      }
    }
  }

  /**
   * @param {string} name
   * @param {Record<string, unknown>} variables
   * @param {AbortSignal} signal
   * @param {boolean} fresh
   */
  async #once(name, variables, signal, fresh) {
    const document = await this.#document(name);
    const token = await this.token({ fresh });
    let answer;
    try {
      const response = await fetch(this.url, {
        method: "POST",
        headers: { "Content-Type": "application/json", Authorization: `Bearer ${token}` },
        body: JSON.stringify({ ...document, variables }),
        credentials: "omit",
        signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT)]),
      });
      answer = await response.json();
    } catch {
      throw new Refusal({
        message: "The connection was lost.",
        extensions: { code: "OUTCOME_UNKNOWN" },
      });
    }
    // What another service should have said is null with an error of its own: the rest is shown.
    const [refused] = answer.errors ?? [];
    if (refused && (!answer.data || Object.values(answer.data).some((part) => part === null)))
      throw new Refusal(refused);
    return answer.data;
  }

  /** @param {string} name */
  #document(name) {
    let found = this.documents.get(name);
    if (!found) {
      found = documentOf(name, this.trusted);
      found.catch(() => this.documents.delete(name));
      this.documents.set(name, found);
    }
    return found;
  }
}

/**
 * The text of an operation, or the id it has in a portal where it is registered.
 * @param {string} name
 * @param {boolean} trusted
 * @returns {Promise<Record<string, string>>}
 */
async function documentOf(name, trusted) {
  const response = await fetch(new URL(`operations/${name}.graphql`, import.meta.url));
  if (!response.ok) throw new Error(`${response.url} is missing`);
  const text = await response.text();
  if (!trusted) return { query: text };
  const hash = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  const hex = [...new Uint8Array(hash)].map((byte) => byte.toString(16).padStart(2, "0"));
  return { documentId: `sha256:${hex.join("")}` };
}

/**
 * @param {number} seconds
 * @param {AbortSignal} signal
 * @returns {Promise<void>}
 */
function pause(seconds, signal) {
  return new Promise((resolve, reject) => {
    setTimeout(resolve, seconds * 1000);
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
}
