// What happens behind the pages: manufacturers offer, other customers buy, processes stop and end.
// browser.hpp says in the environment which cluster that is.
import { execFileSync, spawn } from "node:child_process";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";

import { CARD, expect, newEmail, PASSWORD, url } from "./shop.mjs";

const {
  DEPOT_PROGRAM, DEPOT_CONFIG, DEPOT_UP, DEPOT_REDIS, DEPOT_ADMIN, DEPOT_FOLDER,
} = process.env;
export const admin = `http://${DEPOT_ADMIN}`;

export const depot = (...command) =>
  execFileSync(DEPOT_PROGRAM, [...command, "--config", DEPOT_CONFIG], { stdio: "pipe" }).toString();

// All that a manufacturer offers from now on: rows [sku, name, unit price, offered].
export function offer(manufacturer, manufacturerName, rows) {
  const quoted = (text) => `"${text.replaceAll('"', '""')}"`;
  const lines = rows.map(([sku, name, price, offered]) =>
    [manufacturer, quoted(manufacturerName), sku, quoted(name), price, offered].join());
  const path = `${DEPOT_FOLDER}/${manufacturer}.csv`;
  const head = "manufacturer_id,manufacturer_name,sku,name,unit_price,offered";
  writeFileSync(path, [head, ...lines, ""].join("\n"));
  depot("import", path);
}

// Simulated customers, until they have done; resolves to their exit code.
export function crowd(...words) {
  const command = ["shop", ...words, "--config", DEPOT_CONFIG];
  const shop = spawn(DEPOT_PROGRAM, command, { stdio: "ignore" });
  return new Promise((resolve) => { shop.on("exit", resolve); });
}

// What a manufacturer signs in with.
export function enrol(manufacturer, name) {
  return depot("manufacturer", "add", manufacturer, "--name", name).trim();
}

// A customer without a browser.
export class Customer {
  static async signUp({ card = true } = {}) {
    const customer = new Customer();
    customer.email = newEmail();
    const made = await customer.ask("POST", "/v1/accounts", {
      email: customer.email, password: PASSWORD, first_name: "Ada", last_name: "Lovelace" });
    expect(made.status === 201, `an account, not ${made.status}`);
    customer.token = made.body.token;
    if (card) {
      await customer.ask("PUT", "/v1/account/card",
        { number: CARD.number, cvc: CARD.cvc, exp_month: 12, exp_year: 2035 });
    }
    return customer;
  }

  async ask(method, path, body, headers = {}) {
    const reply = await fetch(url + path, {
      method,
      body: body && JSON.stringify(body),
      headers: {
        ...(body && { "Content-Type": "application/json" }),
        ...(this.token && { Authorization: `Bearer ${this.token}` }),
        ...headers,
      },
    });
    const text = await reply.text();
    return { status: reply.status, body: text ? JSON.parse(text) : null };
  }

  async buy(offer_id, quantity = 1) {
    const bought = await this.ask("POST", "/v1/orders", { lines: [{ offer_id, quantity }] },
      { "Idempotency-Key": crypto.randomUUID() });
    expect(bought.status === 201, `an order, not ${JSON.stringify(bought)}`);
    return bought.body;
  }

  add(offer_id, quantity = 1) {
    return this.ask("POST", "/v1/cart/lines", { offer_id, quantity });
  }

  async orders() {
    return (await this.ask("GET", "/v1/orders")).body.items;
  }

  // From now on this customer uses the browser of `context`.
  async takeOver(context) {
    await context.addCookies([{ name: "sid", value: this.token, url, httpOnly: true }]);
  }
}

export async function available(offer) {
  return (await new Customer().ask("GET", `/v1/catalogue/${offer}`)).body.available;
}

// The cluster's processes of that name.
export function pids(name) {
  const parents = new Map();
  const names = new Map();
  for (const pid of readdirSync("/proc").filter((entry) => /^\d+$/.test(entry))) {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
      const [state, parent] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      if (state === "Z") continue;
      parents.set(pid, parent);
      names.set(pid, readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0")[0].split("/").pop());
    } catch {
      continue;  // It has ended meanwhile.
    }
  }
  const ours = (pid) => pid !== undefined && (pid === DEPOT_UP || ours(parents.get(pid)));
  return [...parents.keys()].filter((pid) => names.get(pid) === name && ours(pid)).map(Number);
}

export function signal(name, which) {
  const found = pids(name);
  expect(found.length > 0, `a process ${name}`);
  for (const pid of found) process.kill(pid, which);
}

export function redis(...command) {
  const login = ["-s", DEPOT_REDIS, "--user", "operator"];  // Its secret is in the environment.
  return execFileSync("redis-cli", [...login, ...command], { encoding: "utf8" });
}

export const CLOSED = 4;
export const OPEN = 2;
// As a transition does it: the row of the current cycle, and word of it in the feed.
export function setCycle(state) {
  redis("EVAL", `
    local cycle = cmsgpack.unpack(redis.call('GET', 'cycle:{s0}'))
    cycle[2] = tonumber(ARGV[1])
    local row = cmsgpack.pack(cycle)
    redis.call('SET', 'cycle:{s0}', row)
    redis.call('HSET', 'cycles:{s0}', cycle[1], row)
    redis.call('XADD', 'feed:{s0}', '1-*', 'y', row)`, "0", String(state));
}

// The sum of a metric over what the admin listener gathers.
export async function metric(name) {
  const text = await (await fetch(`${admin}/metrics`)).text();
  const rows = text.split("\n").filter((line) => line.startsWith(`${name}{`));
  return rows.reduce((sum, row) => sum + Number(row.slice(row.lastIndexOf(" "))), 0);
}
