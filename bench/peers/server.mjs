// One of Node's GraphQL servers, as its documentation starts it, over data in memory:
//
//     node server.mjs apollo|yoga|mercurius PORT FILE
//
// FILE has the schema in `sdl` and in `topics` the page that the list of topics answers, in plain
// objects that hold what is to be said: no resolver but the root's has anything to do.

import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'

const [name, port, file] = process.argv.slice(2)
const { sdl, topics } = JSON.parse(readFileSync(file, 'utf8'))
const resolvers = { Query: { topics: () => topics } }
const address = { host: '127.0.0.1', port: Number(port) }

const servers = {
  async apollo() {
    const { ApolloServer } = await import('@apollo/server')
    const { startStandaloneServer } = await import('@apollo/server/standalone')
    await startStandaloneServer(new ApolloServer({ typeDefs: sdl, resolvers }), { listen: address })
  },

  async yoga() {
    const { createSchema, createYoga } = await import('graphql-yoga')
    const schema = createSchema({ typeDefs: sdl, resolvers })
    createServer(createYoga({ schema })).listen(address)
  },

  async mercurius() {
    const { default: fastify } = await import('fastify')
    const { default: mercurius } = await import('mercurius')
    const app = fastify()
    app.register(mercurius, { schema: sdl, resolvers, jit: 1 })
    await app.listen(address)
  },
}

process.on('SIGTERM', () => process.exit(0))
await servers[name]()
