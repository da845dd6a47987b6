// The API's subset on Fastify, before a store:
//   ready()                                             rejects while it is not
//   purchase({customer, session, id, offer, quantity})  -> {verdict, number, at}
//   createAccount(account), putCard(...)                -> 'done', or a problem's name
//   logIn({session, email, passwordOf(customer)})       -> customer, or null
// verdict is 'P' placed, 'N' refused, small when given again, with the price or what is available,
// and when; or a problem's name. Bodies are checked and written by compiled schemas.
import crypto from 'node:crypto';
import fs from 'node:fs';

import Fastify from 'fastify';

const PROBLEMS = {
  malformed: [400, 'The request is malformed'],
  idempotency_key_missing: [400, 'The header Idempotency-Key is missing or empty'],
  unauthenticated: [401, 'You are not signed in'],
  card_required: [402, 'A payment card is required'],
  not_found: [404, 'There is nothing here'],
  email_taken: [409, 'There is an account with this e-mail already'],
  insufficient_stock: [409, 'There is not enough in stock'],
  invalid: [422, 'A value is not allowed'],
  unknown_offer: [422, 'There is no such offer'],
  idempotency_key_reused: [422, 'The Idempotency-Key was used for another request'],
  unavailable: [503, 'Not available at the moment'],
};

const text = { type: 'string', minLength: 1, maxLength: 254 };
const object = (properties) =>
  ({ type: 'object', required: Object.keys(properties), properties });
const money = object({ amount_minor: { type: 'integer' }, currency: { type: 'string' } });
const list = (items) => ({ type: 'array', minItems: 1, maxItems: 1, items });

const ORDER = object({
  lines: list(object({
    offer_id: { type: 'string', maxLength: 129 },
    quantity: { type: 'integer', minimum: 1, maximum: 1000000 },
  })),
});
const PLACED = object({
  order_id: { type: 'string' },
  placed_at: { type: 'string' },
  cycle_id: { type: 'string' },
  status: { type: 'string' },
  total: money,
  lines: list(object({
    offer_id: { type: 'string' },
    name: { type: 'string' },
    manufacturer_name: { type: 'string' },
    quantity: { type: 'integer' },
    unit_price: money,
    status: { type: 'string' },
  })),
});
const ACCOUNT = object({ email: text, password: text, first_name: text, last_name: text });
const LOG_IN = object({ email: text, password: text });
const CARD = object({
  number: { type: 'string', pattern: '^[0-9]{12,19}$' },
  exp_month: { type: 'integer', minimum: 1, maximum: 12 },
  exp_year: { type: 'integer' },
});

// The first `size` characters of base64url are its first 6 * size bits.
const digest = (value, size) => crypto.hash('sha256', value, 'base64url').slice(0, size);
const random = (bytes) => crypto.randomBytes(bytes).toString('base64url');

// offer id -> the two names; they do not change while we run.
function readNames(folder) {
  const rows = fs.readFileSync(`${folder}/catalogue.csv`, 'utf8').trim().split('\n').slice(1);
  return new Map(rows.map((row) => row.split(',')).map(([maker, makerName, sku, name]) =>
    [`${maker}:${sku}`, { name, makerName }]));
}

// Customer and hash of the secret of "Bearer <customer>.<secret>"; null for anything else.
function readToken(request) {
  const token = request.headers.authorization;
  if (token?.length !== 67 || !token.startsWith('Bearer ') || token[23] !== '.') return null;
  return { customer: token.slice(7, 23), session: digest(token.slice(24), 22) };
}

function problem(reply, name, more) {
  const [status, title] = PROBLEMS[name] ?? PROBLEMS.unavailable;
  if (status === 401) reply.header('www-authenticate', 'Bearer');
  const body = { type: `/problems/${name}`, title, status, detail: title, ...more };
  return reply.code(status).type('application/problem+json').send(JSON.stringify(body));
}

export async function listen(store, folder, port) {
  const names = readNames(folder);
  const server = Fastify({
    logger: false, bodyLimit: 131072, keepAliveTimeout: 3600000, forceCloseConnections: true,
    ajv: { customOptions: { coerceTypes: false } },
  });
  server.setErrorHandler((error, request, reply) => {
    if (!error.statusCode) console.error(error);
    if (!error.statusCode) return problem(reply, 'unavailable');
    return problem(reply, error.validation ? 'invalid' : 'malformed');
  });
  server.setNotFoundHandler((request, reply) => problem(reply, 'not_found'));

  const signedIn = (reply, customer, secret) => reply.code(201).header('cache-control', 'no-store')
    .send({ customer_id: customer, token: `${customer}.${secret}` });

  server.get('/readyz', async () => {
    await store.ready();
    return { status: 'ready' };
  });

  server.post('/v1/orders', { schema: { body: ORDER, response: { 201: PLACED } } },
    async (request, reply) => {
      const caller = readToken(request);
      if (!caller) return problem(reply, 'unauthenticated');
      const key = request.headers['idempotency-key'];
      if (!key || key.length > 255) return problem(reply, 'idempotency_key_missing');
      const { offer_id: offer, quantity } = request.body.lines[0];
      const named = names.get(offer);
      if (!named) return problem(reply, 'unknown_offer');

      const id = digest(`order1${caller.customer}\0${key}`, 16);
      const { verdict, number, at } = await store.purchase(
        { customer: caller.customer, session: caller.session, id, offer, quantity });
      if (verdict === 'p' || verdict === 'n') reply.header('idempotency-replayed', 'true');
      if (verdict === 'N' || verdict === 'n') {
        return problem(reply, 'insufficient_stock', { items: [{
          offer_id: offer, requested: quantity, available: number,
          problem: number === 0 ? 'sold_out' : 'short' }] });
      }
      if (verdict !== 'P' && verdict !== 'p') return problem(reply, verdict);
      const time = new Date(at).toISOString();
      const price = { amount_minor: number, currency: 'EUR' };
      return reply.code(201).header('location', `/v1/orders/${id}`)
        .header('cache-control', 'no-store').send({
          order_id: id,
          placed_at: time,
          cycle_id: time.slice(0, 7),
          status: 'paid',
          total: { amount_minor: number * quantity, currency: 'EUR' },
          lines: [{ offer_id: offer, name: named.name, manufacturer_name: named.makerName, quantity,
            unit_price: price, status: 'paid' }],
        });
    });

  server.post('/v1/accounts', { schema: { body: ACCOUNT } }, async (request, reply) => {
    const { email, password, first_name: first, last_name: last } = request.body;
    const customer = random(12), secret = random(32);
    const said = await store.createAccount({ session: digest(secret, 22), customer,
      email: email.toLowerCase(), password: digest(customer + password), first, last });
    return said === 'done' ? signedIn(reply, customer, secret) : problem(reply, said);
  });

  server.post('/v1/sessions', { schema: { body: LOG_IN } }, async (request, reply) => {
    const { email, password } = request.body, secret = random(32);
    const customer = await store.logIn({ session: digest(secret, 22), email: email.toLowerCase(),
      passwordOf: (owner) => digest(owner + password) });
    return customer ? signedIn(reply, customer, secret) : problem(reply, 'unauthenticated');
  });

  server.put('/v1/account/card', { schema: { body: CARD } }, async (request, reply) => {
    const caller = readToken(request);
    if (!caller) return problem(reply, 'unauthenticated');
    const { number, exp_month, exp_year } = request.body;
    const card = { brand: number.startsWith('4') ? 'visa' : 'unknown', last4: number.slice(-4),
      exp_month, exp_year };
    const said = await store.putCard({ ...caller, card });
    return said === 'done' ? card : problem(reply, said);
  });

  await server.listen({ host: '127.0.0.1', port, backlog: 4096 });
  return server;
}
