// Composes subgraphs with Apollo's composition and with Hive's: node compose.mjs NAME=URL=FILE ...
// Prints what each of them made, or what it objects to.
import { readFileSync } from "node:fs";
import { composeServices as apollo } from "@apollo/composition";
import { composeServices as hive } from "@theguild/federation-composition";
import { parse } from "graphql";

const services = process.argv.slice(2).map((argument) => {
  const [name, url, file] = argument.split("=");
  return { name, url, typeDefs: parse(readFileSync(file, "utf8")) };
});

const made = ({ supergraphSdl, errors, hints }) => ({
  supergraph: supergraphSdl ?? null,
  errors: (errors ?? []).map((error) => error.message),
  hints: (hints ?? []).map((hint) => `${hint.definition.code}: ${hint.message}`),
});

console.log(JSON.stringify({ apollo: made(apollo(services)), hive: made(hive(services)) }));
