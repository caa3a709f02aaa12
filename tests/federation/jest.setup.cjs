// Before each file of the suite: its router is where ours listens.
const { dirname, join } = require("node:path");

const suite = dirname(
  require.resolve("@apollo/federation-subgraph-compatibility-tests/package.json"),
);
require(join(suite, "dist/utils/client.js")).ROUTER_URL = process.env.ROUTER_URL;
