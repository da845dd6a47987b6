// Peers 2, 2b and 3: Fastify before the store that PEER_STORE names, in PEER_PROCESSES processes
// that share the port. ../peer starts it.
import cluster from 'node:cluster';

import { listen } from './server.mjs';

const { PEER_FOLDER: folder, PEER_PORT: port, PEER_PROCESSES: processes, PEER_STORE: kind } =
  process.env;

if (cluster.isPrimary) {
  // The primary hands connections round: customers' are kept alive, so it has no part in requests.
  for (let i = 0; i < Number(processes); ++i) cluster.fork();
  let ending = false;
  const end = (code) => {
    if (ending) return;
    ending = true;
    for (const worker of Object.values(cluster.workers)) worker.process.kill('SIGTERM');
    process.exitCode = code;
  };
  process.on('SIGTERM', () => end(0));
  cluster.on('exit', () => end(1));
} else {
  const { connect } = await import(`./${kind}.mjs`);
  const server = await listen(await connect(folder), folder, Number(port));
  process.on('SIGTERM', () => server.close().then(() => process.exit(0)));
  process.on('disconnect', () => process.exit(0));
}
