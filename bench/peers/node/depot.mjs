// Peer 2b: Depot's own function, place_orders_v1, for the orders that a turn of the event loop
// brings; as many in a call, and as many calls under way, as Depot's workers have by default.
import crypto from 'node:crypto';

import Redis from 'ioredis';

import { decode, encode } from './msgpack.mjs';

const BATCH_ORDERS_MAX = 64, BATCHES_MAX = 2;
// batch_lines_max, refusals_per_minute_max, refusals_max, units_per_customer_and_offer_max,
// feed_entries_max (config.yml), and no stop.
const OPTIONS = Buffer.from(encode([512, 0, 2000000, 0, 10000, 0]), 'latin1');
const SESSION_IDLE_MS = 86400000, SESSION_MAX_MS = 1209600000;
const PROBLEMS = { // protocol/problem.hpp
  1: 'malformed', 3: 'unauthenticated', 4: 'card_required', 8: 'email_taken', 18: 'invalid',
  19: 'unknown_offer', 21: 'idempotency_key_reused',
};

const bytes = (text) => Buffer.from(text).toString('latin1');
const raw = (base64url) => Buffer.from(base64url, 'base64url').toString('latin1');
const named = (answer) =>
  String.fromCharCode(answer[0]) === 'X' ? PROBLEMS[decode(answer, 1)[0]] ?? 'unavailable' : 'done';

function read(answer) {
  const verdict = String.fromCharCode(answer[0]);
  if (verdict === 'P' || verdict === 'p') {
    // [fingerprint, customer, time, cycle, mode, parts, [part, sku, units, price], refused]
    const row = decode(answer, 1);
    return { verdict, number: row[6][3], at: row[2] };
  }
  if (verdict === 'N' || verdict === 'n') { // [problem, [offer, requested, available, why], ...]
    return { verdict, number: decode(answer, 1)[1][2] };
  }
  return { verdict: named(answer) };
}

function batches(redis) {
  const waiting = [];
  let underWay = 0, planned = false;

  function plan() {
    if (planned || underWay === BATCHES_MAX || waiting.length === 0) return;
    planned = true;
    setImmediate(send);
  }

  async function send() {
    planned = false;
    const batch = waiting.splice(0, BATCH_ORDERS_MAX);
    ++underWay;
    plan();
    try {
      const answers = await redis.callBuffer('FCALL', 'place_orders_v1', 0, OPTIONS,
        ...batch.map((order) => order.body));
      answers.forEach((answer, i) => batch[i].resolve(read(answer)));
      waiting.unshift(...batch.slice(answers.length)); // They would have passed batch_lines_max.
    } catch (error) {
      for (const order of batch) order.reject(error);
    }
    --underWay;
    plan();
  }

  return (body) => new Promise((resolve, reject) => {
    waiting.push({ body, resolve, reject });
    plan();
  });
}

export async function connect(folder) {
  const redis = new Redis({ path: `${folder}/redis.sock` });
  const place = batches(redis);
  const ask = (name, ...words) => redis.callBuffer('FCALL', name, 0,
    ...words.map((word) => Buffer.from(String(word), 'latin1')));
  return {
    ready: () => ask('readiness_v1'),

    purchase({ session, customer, id, offer, quantity }) {
      const wish = `\0\xc0${encode([offer, quantity, null])}`;
      const fingerprint =
        crypto.hash('sha256', Buffer.from(wish, 'latin1'), 'buffer').toString('latin1', 0, 16);
      return place(Buffer.from(`\x97${encode(raw(session))}${encode(customer)}${encode(id)}`
        + `${encode(fingerprint)}${wish}`, 'latin1'));
    },

    async createAccount({ session, customer, email, password, first, last }) {
      return named(await ask('create_account_v2',
        encode([customer, raw(session), ...[email, password, first, last, 'peer'].map(bytes),
          null]),
        SESSION_IDLE_MS, SESSION_MAX_MS, '', 900000, 100, 2592000000));
    },
    async logIn({ session, email, passwordOf }) {
      const found = decode(await ask('find_login_v1', bytes(email), 'peer', 10, 1000, 900000), 1);
      if (!found) return null;
      const [customer, password] = found, right = passwordOf(customer) === password;
      const said = await ask('log_in_v1', raw(session), customer, bytes(email), 'peer',
        Number(right), 900000, SESSION_IDLE_MS, SESSION_MAX_MS);
      return named(said) === 'done' ? customer : null;
    },
    async putCard({ session, customer, card }) {
      return named(await ask('put_card_v1', encode([raw(session), customer, card.brand, card.last4,
        card.exp_month, card.exp_year, 'peer'])));
    },
  };
}
