<?php
// Writes rising numbers with phpredis: php phpredis.php MASTER KEY HOST:PORT...
// The extension only asks; an application connects by itself, and again after an
// error.
[$name, $key] = [$argv[1], $argv[2]];
$addrs = array_slice($argv, 3);

function connect(string $name, array $addrs): Redis {
    foreach ($addrs as $addr) {
        [$host, $port] = explode(':', $addr);
        try {
            $sentinel = new RedisSentinel($host, (int) $port, 2.0);
            $master = $sentinel->getMasterAddrByName($name);
            if (!$master) {
                continue;
            }
            $client = new Redis();
            $client->connect($master[0], (int) $master[1], 2.0);
            $client->setOption(Redis::OPT_READ_TIMEOUT, 2);
            return $client;
        } catch (RedisException $e) {
            fwrite(STDERR, 'connect: ' . $e->getMessage() . "\n");
        }
    }
    throw new RedisException('no sentinel knows the master');
}

$client = null;
for ($n = 1; ; $n++) {
    try {
        $client ??= connect($name, $addrs);
        if ($client->set($key, $n) !== true) {
            throw new RedisException('refused: ' . $client->getLastError());
        }
    } catch (RedisException $e) {
        fwrite(STDERR, 'set: ' . $e->getMessage() . "\n");
        $client = null;
    }
    usleep(20000);
}
