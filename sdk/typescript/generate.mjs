// Writes generated/schema.ts, the types of the whole schema, and generated/operations.ts, those of what
// ../operations asks, each operation as a typed document.
import { mkdir, readFile, readdir, writeFile } from "node:fs/promises";
import { codegen } from "@graphql-codegen/core";
import * as typedDocuments from "@graphql-codegen/typed-document-node";
import * as schemaTypes from "@graphql-codegen/typescript";
import * as operationTypes from "@graphql-codegen/typescript-operations";
import { parse } from "graphql";

const operations = new URL("../operations/", import.meta.url);
const generated = new URL("generated/", import.meta.url);

async function parsed(location, folder) {
  return { location, document: parse(await readFile(new URL(location, folder), "utf8")) };
}

const { document: schema } = await parsed("../../gateway/schema.graphql", import.meta.url);
const names = (await readdir(operations)).sort();
const documents = await Promise.all(names.map((name) => parsed(name, operations)));

async function generate(filename, plugins) {
  const text = await codegen({
    filename,
    schema,
    documents,
    config: {
      enumsAsTypes: true,
      useTypeImports: true,
      strictScalars: true,
      scalars: {
        DateTime: "string", Html: "string", Locale: "string", Markdown: "string", URL: "string",
      },
    },
    plugins: Object.keys(plugins).map((name) => ({ [name]: {} })),
    pluginMap: plugins,
  });
  await writeFile(new URL(filename, generated), text);
}

await mkdir(generated, { recursive: true });
await generate("schema.ts", { schemaTypes });
await generate("operations.ts", { operationTypes, typedDocuments });
