// Reads pages of topics, asks a question once though it is sent twice, and is refused one.
// GUILDHALL_URL and GUILDHALL_TOKEN say where and who; prints a line of JSON for each step.
import { randomUUID } from "node:crypto";
import {
  CreateTopicDocument,
  type CreateTopicInput,
  TopicsDocument,
  ViewerDocument,
} from "./generated/operations.js";
import { Client, RefusedError } from "./asking.js";

const PAGE = 2;
const PAGES = 3;

function tell(step: string, what: object): void {
  console.log(JSON.stringify({ step, ...what }));
}

// Page by page: the end of one page is where the next one begins.
async function read(client: Client, communityId: string): Promise<void> {
  let after: string | null | undefined;
  for (let number = 1; number <= PAGES; number++) {
    const { topics } = await client.ask(TopicsDocument, { communityId, first: PAGE, after });
    if (!topics) return;
    tell("page", { number, titles: topics.edges.map((edge) => edge.node.title) });
    if (!topics.pageInfo.hasNextPage) return;
    after = topics.pageInfo.endCursor;
  }
}

// The request id is made before the first attempt and kept: two attempts are one topic.
async function ask(client: Client, spaceId: string): Promise<void> {
  const input: CreateTopicInput = {
    requestId: `sdk-${randomUUID()}`,
    spaceId,
    kind: "QUESTION",
    title: "Which header does a portal send?",
    body: "The documentation says *bearer*. Is there another?",
  };
  const first = await client.ask(CreateTopicDocument, { input });
  const again = await client.ask(CreateTopicDocument, { input });
  tell("asked", { id: first.createTopic.topic.id, again: again.createTopic.topic.id });
  try {
    const untitled = { ...input, requestId: `sdk-${randomUUID()}`, title: " " };
    await client.ask(CreateTopicDocument, { input: untitled });
  } catch (error) {
    if (!(error instanceof RefusedError)) throw error;
    tell("refused", { code: error.code, field: error.field });
  }
}

const { GUILDHALL_URL: url = "", GUILDHALL_TOKEN: token = "" } = process.env;
const client = new Client(url, token);
const { viewer } = await client.ask(ViewerDocument, {});
const community = viewer?.memberships.flatMap((one) => one.community ?? [])[0];
if (!community) throw new Error("the token is nobody's");
tell("viewer", { name: viewer?.person?.displayName, community: community.slug });
await read(client, community.id);
const space = community.spaces?.edges[0]?.node;
if (space) await ask(client, space.id);
