# Writes rising numbers with redis-rb: ruby redis-rb.rb MASTER KEY HOST:PORT...
require "redis"

name, key, *addrs = ARGV
sentinels = addrs.map { |a| { host: a.split(":")[0], port: a.split(":")[1].to_i } }
client = Redis.new(url: "redis://#{name}", sentinels: sentinels, role: :master)
(1..).each do |n|
  begin
    client.set(key, n)
  rescue Redis::BaseError => e
    warn "set: #{e.message}"
  end
  sleep 0.02
end
