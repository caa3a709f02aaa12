// Hive's gateway before a supergraph: node hive.mjs FILE. Its library, without the command's 600 packages.
// Hands the caller's authorization on. Prints its address.
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { createGatewayRuntime } from "@graphql-hive/gateway-runtime";

const gateway = createGatewayRuntime({
  supergraph: readFileSync(process.argv[2], "utf8"),
  logging: "error",
  propagateHeaders: {
    fromClientToSubgraphs: ({ request }) => ({
      authorization: request.headers.get("authorization"),
    }),
  },
});
const server = createServer(gateway).listen(0, "127.0.0.1", () => {
  console.log(`http://127.0.0.1:${server.address().port}`);
});
