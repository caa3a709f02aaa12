// Apollo's gateway before subgraphs that it asks for their SDL: node router.mjs NAME=URL ...
// Hands the caller's authorization on; asks for the SDL with AUTHORIZATION. Prints its address.
import { ApolloGateway, IntrospectAndCompose, RemoteGraphQLDataSource } from "@apollo/gateway";
import { ApolloServer } from "@apollo/server";
import { startStandaloneServer } from "@apollo/server/standalone";

const subgraphs = process.argv.slice(2).map((argument) => {
  const [name, url] = argument.split("=");
  return { name, url };
});

class OnBehalf extends RemoteGraphQLDataSource {
  willSendRequest({ request, context }) {
    if (context.authorization) {
      request.http.headers.set("authorization", context.authorization);
    }
  }
}

const quiet = { debug() {}, info() {}, warn: console.error, error: console.error };
const introspectionHeaders = process.env.AUTHORIZATION
  ? { authorization: process.env.AUTHORIZATION }
  : {};
const gateway = new ApolloGateway({
  supergraphSdl: new IntrospectAndCompose({ subgraphs, introspectionHeaders }),
  buildService: ({ url }) => new OnBehalf({ url }),
  logger: quiet,
});
const server = new ApolloServer({ gateway, logger: quiet });
const { url } = await startStandaloneServer(server, {
  listen: { port: 0, host: "127.0.0.1" },
  context: async ({ req }) => ({ authorization: req.headers.authorization }),
});
console.log(url);
