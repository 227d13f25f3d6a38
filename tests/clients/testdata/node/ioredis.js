// Writes rising numbers with ioredis: node ioredis.js MASTER KEY HOST:PORT...
const Redis = require('ioredis');

const [name, key, ...addrs] = process.argv.slice(2);
const sentinels = addrs.map((a) => ({ host: a.split(':')[0], port: Number(a.split(':')[1]) }));
const client = new Redis({ name, sentinels });
client.on('error', (err) => console.error('error:', err.message));

async function write() {
  for (let n = 1; ; n++) {
    try {
      await client.set(key, n);
    } catch (err) {
      console.error('set:', err.message);
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
write();
