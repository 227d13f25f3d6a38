// Package web is what redis-failover says over HTTP: whether it lives and is
// ready, and what SENTINEL can do, for scripts, load balancers and people.
//
// It decides nothing. What a route answers is made by the commands of package
// commands, with their checks, their permissions and their errors; this package
// says it in the words of HTTP.
package web
