// Peer 3: a purchase is one prepared statement, whose function (../postgres/schema.sql) is one
// transaction, over a pool that is opened before the first request.
import crypto from 'node:crypto';

import pg from 'pg';

const CONNECTIONS = 16; // of each process

export async function connect(folder) {
  const pool = new pg.Pool({ host: folder, user: 'postgres', database: 'postgres',
    max: CONNECTIONS, idleTimeoutMillis: 0 });
  pool.on('error', (error) => console.error(error));
  const opened = await Promise.all(Array.from({ length: CONNECTIONS }, () => pool.connect()));
  for (const connection of opened) connection.release();

  // The first column of the first row; undefined where there is no row.
  async function ask(name, text, values) {
    const { rows } = await pool.query({ name, text, values, rowMode: 'array' });
    return rows[0]?.[0];
  }

  return {
    ready: () => ask('ready', 'SELECT 1', []),

    async purchase({ session, customer, id, offer, quantity }) {
      const fingerprint =
        crypto.hash('sha256', `${offer} ${quantity}`, 'base64url').slice(0, 22);
      const line = await ask('purchase', 'SELECT purchase($1, $2, $3, $4, $5, $6)',
        [session, customer, id, fingerprint, offer, quantity]);
      const [verdict, number, at] = line.split(' ');
      return { verdict, number: Number(number), at: Number(at) };
    },

    async createAccount({ session, customer, email, password, first, last }) {
      const made = await ask('create_account',
        `WITH made AS (
           INSERT INTO customers VALUES ($2, $3, $4, $5, $6) ON CONFLICT DO NOTHING RETURNING id)
         INSERT INTO sessions SELECT $1, id FROM made RETURNING customer`,
        [session, customer, email, password, first, last]);
      return made ? 'done' : 'email_taken';
    },
    async logIn({ session, email, passwordOf }) {
      const { rows: [found] } =
        await pool.query('SELECT id, password FROM customers WHERE email = $1', [email]);
      if (!found || found.password !== passwordOf(found.id)) return null;
      return ask('log_in', 'INSERT INTO sessions VALUES ($1, $2) RETURNING customer',
        [session, found.id]);
    },
    async putCard({ session, customer, card }) {
      const put = await ask('put_card',
        `UPDATE customers SET card = $3 WHERE id = $2 AND EXISTS (
           SELECT FROM sessions WHERE token_hash = $1 AND customer = $2 AND ends_at > now())
         RETURNING id`, [session, customer, card]);
      return put ? 'done' : 'unauthenticated';
    },
  };
}
