// Writes rising numbers with node-redis: node node-redis.js MASTER KEY HOST:PORT...
const { createSentinel } = require('redis');

const [name, key, ...addrs] = process.argv.slice(2);
const sentinelRootNodes = addrs.map((a) => ({ host: a.split(':')[0], port: Number(a.split(':')[1]) }));
const client = createSentinel({ name, sentinelRootNodes });
client.on('error', (err) => console.error('error:', err.message));

async function write() {
  await client.connect();
  for (let n = 1; ; n++) {
    try {
      await client.set(key, String(n));
    } catch (err) {
      console.error('set:', err.message);
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
write();
