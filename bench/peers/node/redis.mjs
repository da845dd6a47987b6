// Peer 2: a purchase is one call of ../redis/shop.lua. ioredis gathers what a turn of the event
// loop asks and sends it by one write.
import crypto from 'node:crypto';

import Redis from 'ioredis';

export async function connect(folder) {
  const redis = new Redis({ path: `${folder}/redis.sock`, enableAutoPipelining: true });
  const ask = (name, ...words) => redis.fcall(name, 0, ...words);
  await ask('readiness');
  return {
    ready: () => ask('readiness'),

    async purchase({ session, customer, id, offer, quantity }) {
      const fingerprint =
        crypto.hash('sha256', `${offer} ${quantity}`, 'base64url').slice(0, 22);
      const [verdict, number, at] =
        (await ask('purchase', session, customer, id, fingerprint, offer, quantity)).split(' ');
      return { verdict, number: Number(number), at: Number(at) };
    },

    createAccount: ({ session, customer, email, password, first, last }) =>
      ask('create_account', session, customer, email, password, first, last),
    async logIn({ session, email, passwordOf }) {
      const customer = await ask('find_login', email);
      if (customer === 'unauthenticated') return null;
      const said = await ask('log_in', session, customer, passwordOf(customer));
      return said === 'done' ? customer : null;
    },
    putCard: ({ session, customer, card }) =>
      ask('put_card', session, customer, JSON.stringify(card)),
  };
}
