// Runs the GraphQL over HTTP audit of the npm package graphql-http: node audit.mjs URL TOKEN.
// Prints one JSON object for each audit. With a token, as introspection is for people signed in.
import { serverAudits } from "graphql-http";

const [url, token] = process.argv.slice(2);
const headers = { authorization: `Bearer ${token}` };
const fetchFn = (address, init = {}) =>
  fetch(address, { ...init, headers: { ...init.headers, ...headers } });

for (const audit of serverAudits({ url, fetchFn })) {
  const { id, name, status, reason = "" } = await audit.fn();
  console.log(JSON.stringify({ id, name, status, reason }));
}
