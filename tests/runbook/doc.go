// Package runbook does what docs/MEMBERS.md and docs/SECURITY.md say, word for word,
// so that nobody learns at night that a command in them is wrong.
//
// A block marked "sh" is run; one marked "text" behind it is what must come out.
// Commands that only ask are repeated until they answer so, as a person would. A
// block that begins with redis-failover starts that node on the machine that the
// text before it names ("On 10.0.0.4:"). What a person does to a machine is in
// comments that begin with "test:". The machines 10.0.0.N of the page are
// addresses 127.x.y.N here, and each has its own /var/lib and /etc. SECURITY.md is one
// machine, with a network of its own.
package runbook
