-- Peer 3's tables, its goods, and a purchase. A line stands in its order's row and an order's id is
-- made of its idempotency key: no table, index or foreign key more than the purchase needs.
SET client_min_messages = warning;

CREATE TABLE customers (
  id text PRIMARY KEY,
  email text NOT NULL UNIQUE,
  password text NOT NULL,
  first_name text NOT NULL,
  last_name text NOT NULL,
  card jsonb
);
CREATE TABLE sessions (
  token_hash text PRIMARY KEY,
  customer text NOT NULL,
  ends_at timestamptz NOT NULL DEFAULT now() + interval '1 day'
);
CREATE TABLE offers (
  id text PRIMARY KEY,
  manufacturer text NOT NULL,
  sku text NOT NULL,
  price bigint NOT NULL,
  available bigint NOT NULL CHECK (available >= 0)
) WITH (fillfactor = 20);  -- room for new versions of each row on its page: no index is touched
CREATE TABLE orders (
  id text PRIMARY KEY,
  customer text NOT NULL,
  fingerprint text NOT NULL,
  placed_at timestamptz NOT NULL,
  offer text NOT NULL,
  quantity bigint NOT NULL,
  price bigint NOT NULL,
  total bigint NOT NULL
);
CREATE INDEX orders_of_customer ON orders (customer, placed_at);
CREATE TABLE refusals (
  id text PRIMARY KEY,
  customer text NOT NULL,
  fingerprint text NOT NULL,
  refused_at timestamptz NOT NULL,
  offer text NOT NULL,
  requested bigint NOT NULL,
  available bigint NOT NULL
);
CREATE TABLE ledger (
  number bigint GENERATED ALWAYS AS IDENTITY,
  manufacturer text NOT NULL,
  order_id text NOT NULL,
  sku text NOT NULL,
  quantity bigint NOT NULL,
  price bigint NOT NULL,
  available bigint NOT NULL,
  PRIMARY KEY (manufacturer, number)
);

CREATE TEMPORARY TABLE catalogue (
  manufacturer_id text, manufacturer_name text, sku text, name text, unit_price numeric,
  offered bigint
);
COPY catalogue FROM STDIN (FORMAT csv, HEADER);
@CATALOGUE@\.
INSERT INTO offers
  SELECT manufacturer_id || ':' || sku, manufacturer_id, sku, unit_price * 100, offered
  FROM catalogue;

-- STABLE, as its body is: then it is inlined, and not parsed by each call.
CREATE FUNCTION answer(verdict text, amount bigint, at timestamptz) RETURNS text
STABLE LANGUAGE sql AS $$
  SELECT verdict || ' ' || amount || ' ' || floor(extract(epoch FROM at) * 1000)::bigint
$$;

-- One statement, and so one transaction. The answer is a line as of ../redis/shop.lua.
CREATE FUNCTION purchase(
  p_session text, p_customer text, p_id text, p_fingerprint text, p_offer text, p_quantity bigint
) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  has_card boolean;
  known record;
  sold record;
BEGIN
  SELECT c.card IS NOT NULL INTO has_card
    FROM sessions s JOIN customers c ON c.id = s.customer
    WHERE s.token_hash = p_session AND s.customer = p_customer AND s.ends_at > now();
  IF NOT FOUND THEN RETURN 'unauthenticated'; END IF;

  -- Who asks for the same at the same time waits for what comes of the first. (To run into orders'
  -- primary key instead would cost a repeat a connection: pg's pool closes it after an error.)
  PERFORM pg_advisory_xact_lock(hashtextextended(p_id, 0));
  SELECT fingerprint, 'p' AS verdict, price AS amount, placed_at AS at INTO known
      FROM orders WHERE id = p_id
    UNION ALL
    SELECT fingerprint, 'n', available, refused_at FROM refusals WHERE id = p_id;
  IF FOUND THEN
    IF known.fingerprint <> p_fingerprint THEN RETURN 'idempotency_key_reused'; END IF;
    RETURN answer(known.verdict, known.amount, known.at);
  END IF;
  IF NOT has_card THEN RETURN 'card_required'; END IF;

  WITH sold AS (
    UPDATE offers SET available = available - p_quantity
      WHERE id = p_offer AND available >= p_quantity
      RETURNING manufacturer, sku, price, available
  ), placed AS (
    INSERT INTO orders
      SELECT p_id, p_customer, p_fingerprint, now(), p_offer, p_quantity, price, price * p_quantity
      FROM sold
  ), booked AS (
    INSERT INTO ledger (manufacturer, order_id, sku, quantity, price, available)
      SELECT manufacturer, p_id, sku, p_quantity, price, available FROM sold
  )
  SELECT price INTO sold FROM sold;
  IF FOUND THEN RETURN answer('P', sold.price, now()); END IF;

  INSERT INTO refusals
    SELECT p_id, p_customer, p_fingerprint, now(), p_offer, p_quantity, available
    FROM offers WHERE id = p_offer
    RETURNING available INTO sold;
  IF NOT FOUND THEN RETURN 'unknown_offer'; END IF;
  RETURN answer('N', sold.available, now());
END
$$;
