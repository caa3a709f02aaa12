// Apollo's compatibility suite as it is, asked of the router at ROUTER_URL in place of port 4000.
const { dirname, join } = require("node:path");

const suite = dirname(
  require.resolve("@apollo/federation-subgraph-compatibility-tests/package.json"),
);

module.exports = {
  rootDir: join(suite, "dist"),
  roots: ["<rootDir>/tests"],
  testEnvironment: "node",
  testPathIgnorePatterns: [],
  transform: {},
  haste: { retainAllFiles: true },
  setupFiles: [join(__dirname, "jest.setup.cjs")],
};
