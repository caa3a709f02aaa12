// A client of subscriptions by others: what it hears it writes as lines of JSON.
// Its one argument says what to do: {kind, urls, headers, query, variables}.
import { createClient } from 'graphql-ws';
import { EventSource } from 'eventsource';
import WebSocket from 'ws';

const { kind, urls, headers, query, variables } = JSON.parse(process.argv[2]);
const { Authorization: authorization, ...others } = headers;
const say = (what) => process.stdout.write(JSON.stringify(what) + '\n');
process.stdin.resume();
process.stdin.on('end', () => process.exit(0));

if (kind === 'graphql-ws') {
  let turn = 0;
  const payload = { query, variables, extensions: {} };
  const client = createClient({
    url: () => urls[turn++ % urls.length].replace(/^http/, 'ws'),
    webSocketImpl: class extends WebSocket {
      constructor(url, protocols) {
        super(url, protocols, { headers: others });
      }
    },
    connectionParams: { authorization },
    retryAttempts: 100,
    retryWait: () => new Promise((done) => setTimeout(done, 100)),
    shouldRetry: () => true,
    on: { closed: (event) => say({ closed: event.code, reason: event.reason }) },
  });
  client.subscribe(payload, {
    next(value) {
      payload.extensions.lastEventId = value.extensions.eventId; // sent when it connects again
      say({ next: value });
    },
    error: (error) => say({ error: Array.isArray(error) ? error : (error.code ?? String(error)) }),
    complete: () => say({ complete: true }),
  });
} else {
  const address = new URL(urls[0]);
  address.searchParams.set('query', query);
  address.searchParams.set('variables', JSON.stringify(variables));
  const source = new EventSource(address, {
    fetch: (input, init) => fetch(input, { ...init, headers: { ...init.headers, ...headers } }),
  });
  source.addEventListener('next', (event) => say({ next: JSON.parse(event.data) }));
  source.addEventListener('complete', () => {
    source.close();
    say({ complete: true });
  });
  source.onerror = (event) => say({ closed: event.code ?? 0 });
}
