# Writes rising numbers with redis-py: python3 redis-py.py MASTER KEY HOST:PORT...
import sys
import time

from redis import RedisError
from redis.sentinel import Sentinel

name, key, addrs = sys.argv[1], sys.argv[2], [a.split(":") for a in sys.argv[3:]]
client = Sentinel([(host, int(port)) for host, port in addrs], socket_timeout=2).master_for(name, socket_timeout=2)
n = 0
while True:
    n += 1
    try:
        client.set(key, n)
    except RedisError as err:
        print("set:", err, file=sys.stderr, flush=True)
    time.sleep(0.02)
