// Asks as one person, and says what to do about refusals: a few lines for a portal to copy.
import type { TypedDocumentNode } from "@graphql-typed-document-node/core";
import { print } from "graphql";
import type { Refusal, RefusalCode } from "./generated/schema.js";

type Failure = { message: string; path?: unknown[]; extensions?: Partial<Refusal> };
type Answer<R> = { data?: R | null; errors?: Failure[] };

// Milliseconds; within eight seconds the gateway answers, if only that it took too long.
const TIMEOUT = 10_000;
// Nothing was done, or nobody knows: the same request may be sent again.
const PASSING: ReadonlySet<RefusalCode> = new Set<RefusalCode>([
  "RATE_LIMITED",
  "OVERLOADED",
  "TOO_BUSY",
  "UNAVAILABLE",
  "SEARCH_UNAVAILABLE",
  "OUTCOME_UNKNOWN",
  "OPERATION_TIMEOUT",
  "POSTING_TOO_FAST",
]);

// The first of an answer's errors: why, and of which argument.
export class RefusedError extends Error {
  readonly code: RefusalCode;
  readonly field: string | undefined;
  readonly retryAfter: number;

  constructor({ message, extensions }: Failure) {
    super(message);
    this.code = extensions?.code ?? "INTERNAL";
    this.field = extensions?.field ?? undefined;
    this.retryAfter = extensions?.retryAfter ?? 0;
  }
}

export class Client {
  constructor(
    private readonly url: string,
    private readonly token: string,
  ) {}

  // What could be answered: what a service that is away should have said is null. What passes is waited
  // for; a mutation keeps its requestId.
  async ask<R, V>(document: TypedDocumentNode<R, V>, variables: V, attempts = 4): Promise<R> {
    for (let attempt = 1; ; attempt++) {
      const { data, errors } = await this.send(document, variables);
      if (data && !errors?.some(({ path = [] }) => path.length < 2)) return data;
      const refused = new RefusedError(errors?.[0] ?? { message: "no data" });
      // Not before it may be, and not in step with all who were refused in the same moment.
      const wait = refused.retryAfter + (0.1 + 0.1 * Math.random()) * 2 ** attempt;
      if (!PASSING.has(refused.code) || wait > 20 || attempt === attempts) throw refused;
      await new Promise((resolve) => setTimeout(resolve, wait * 1000));
    }
  }

  private async send<R, V>(document: TypedDocumentNode<R, V>, variables: V): Promise<Answer<R>> {
    const request = new Request(`${this.url}/graphql`, {
      method: "POST",
      headers: { authorization: `Bearer ${this.token}`, "content-type": "application/json" },
      body: JSON.stringify({ query: print(document), variables }),
    });
    try {
      const response = await fetch(request, { signal: AbortSignal.timeout(TIMEOUT) });
      return answerOf(response, await response.text());
    } catch (error) {
      return failed("OUTCOME_UNKNOWN", `the connection was lost: ${String(error)}`);
    }
  }
}

// What the gateway says; or a proxy on the way has answered instead.
function answerOf<R>({ status, headers }: Response, text: string): Answer<R> {
  try {
    const answer = JSON.parse(text) as Answer<R> | null;
    if (answer?.data || answer?.errors?.length) return answer;
  } catch {
    // a page, say
  }
  const code = status === 429 ? "TOO_BUSY" : status >= 500 ? "OUTCOME_UNKNOWN" : "INTERNAL";
  const after = Number(headers.get("retry-after") ?? 0) || 0; // it may also be a date
  return failed(code, `HTTP ${status} from somebody else than the gateway`, after);
}

// What the gateway itself does not say.
function failed<R>(code: RefusalCode, message: string, retryAfter = 0): Answer<R> {
  return { errors: [{ message, extensions: { code, retryAfter } }] };
}
