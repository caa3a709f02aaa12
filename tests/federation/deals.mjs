// A subgraph of somebody else that knows our topics and companies by their ids only.
// node deals.mjs DEALS: a JSON list of {id, title, topic, company}. Prints its address.
import { ApolloServer } from "@apollo/server";
import { ApolloServerPluginInlineTraceDisabled } from "@apollo/server/plugin/disabled";
import { startStandaloneServer } from "@apollo/server/standalone";
import { buildSubgraphSchema } from "@apollo/subgraph";
import { parse } from "graphql";

const deals = JSON.parse(process.argv[2]);

const typeDefs = parse(`
  extend schema @link(url: "https://specs.apollo.dev/federation/v2.3", import: ["@key", "@shareable"])

  type Query {
    deals: DealConnection!
  }
  type Deal @key(fields: "id") {
    id: ID!
    title: String!
    topic: Topic
    company: Company
  }
  type Topic @key(fields: "id") {
    id: ID!
    deals: [Deal!]!
  }
  type Company @key(fields: "id") {
    id: ID!
    deals: [Deal!]!
  }
  type DealConnection {
    nodes: [Deal!]!
    pageInfo: PageInfo!
  }
  type PageInfo @shareable {
    hasNextPage: Boolean!
    hasPreviousPage: Boolean!
    startCursor: String
    endCursor: String
  }
`);

const resolvers = {
  Query: {
    deals: () => ({ nodes: deals, pageInfo: { hasNextPage: false, hasPreviousPage: false } }),
  },
  Deal: {
    __resolveReference: ({ id }) => deals.find((deal) => deal.id === id),
    topic: ({ topic }) => topic && { id: topic },
    company: ({ company }) => company && { id: company },
  },
  Topic: { deals: ({ id }) => deals.filter((deal) => deal.topic === id) },
  Company: { deals: ({ id }) => deals.filter((deal) => deal.company === id) },
};

const server = new ApolloServer({
  schema: buildSubgraphSchema([{ typeDefs, resolvers }]),
  plugins: [ApolloServerPluginInlineTraceDisabled()],
});
const { url } = await startStandaloneServer(server, { listen: { port: 0, host: "127.0.0.1" } });
console.log(url);
