// Asks as one person, and says what to do about refusals: a few lines for a portal to copy.
import type { TypedDocumentNode } from "@graphql-typed-document-node/core";
import { print } from "graphql";
import type { Refusal, RefusalCode } from "./generated/schema.js";

type Failure = { message: string; path?: unknown[]; extensions?: Partial<Refusal> };
type Answer<R> = { data?: R | null; errors?: Failure[] };

// Nothing was done, or nobody knows: the same request may be sent again.
const PASSING: ReadonlySet<RefusalCode> = new Set<RefusalCode>([
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
      const wait = Math.max(refused.retryAfter, 0.1 * 2 ** attempt);
      if (!PASSING.has(refused.code) || wait > 20 || attempt === attempts) throw refused;
      await new Promise((resolve) => setTimeout(resolve, wait * 1000));
    }
  }

  private async send<R, V>(document: TypedDocumentNode<R, V>, variables: V): Promise<Answer<R>> {
    const response = await fetch(`${this.url}/graphql`, {
      method: "POST",
      headers: { authorization: `Bearer ${this.token}`, "content-type": "application/json" },
      body: JSON.stringify({ query: print(document), variables }),
    });
    return (await response.json()) as Answer<R>;
  }
}
